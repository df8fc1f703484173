/* verb_convert.c: a model in another form of file, with the same values. */
#include "cli/convert_report.h"
#include "cli/out.h"

int verb_convert(const struct options *o)
{
    struct osso_error err = {0};
    struct convert_report report;
    struct osso_convert_options c = convert_args(o, &report);
    if (!c.to) {
        say("convert needs --to hf, original, mlx or gguf");
        return 2;
    }
    interrupt_catch(INTERRUPT_TIDY); /* a half-written file must go */
    enum osso_status status = osso_convert(o->operand[0], o->operand[1], &c, &err);
    interrupt_release();
    return convert_end(&report, status, &err);
}
