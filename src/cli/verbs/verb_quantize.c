/* verb_quantize.c: a model in smaller types, with what that costs. */
#include "cli/convert_report.h"
#include "cli/out.h"

int verb_quantize(const struct options *o)
{
    struct osso_error err = {0};
    struct convert_report report;
    const struct option_value *v = o->v;
    struct osso_convert_options c = convert_args(o, &report);
    struct osso_quantize_options q = {
        .size = sizeof q,
        .types = v[OPT_quantize_type].list,
        .n_types = (int)v[OPT_quantize_type].n,
        .fallback = v[OPT_fallback].set,
        .requantize = v[OPT_requantize].set,
        .search = v[OPT_search].set,
    };
    report.table = true;
    interrupt_catch(INTERRUPT_TIDY); /* a half-written file must go */
    enum osso_status status = osso_quantize(o->operand[0], o->operand[1], &c, &q, &err);
    interrupt_release();
    return convert_end(&report, status, &err);
}
