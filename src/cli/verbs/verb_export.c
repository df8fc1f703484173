/* verb_export.c: a checkpoint of a training run as a model to give away. */
#include "cli/options.h"
#include "cli/out.h"

#include "base/error.h"
#include "osso/train.h"

int verb_export(const struct options *o)
{
    struct osso_error err = {0};
    const struct option_value *v = o->v;
    enum osso_status status = OSSO_OK;
    if (!v[OPT_export_out].set)
        status = error_set(&err, OSSO_USAGE, "export needs -o DIR, the folder to write");
    interrupt_catch(INTERRUPT_WORK);
    if (!status)
        status = osso_export(o->operand[0], v[OPT_export_out].s,
                             v[OPT_export_type].set ? v[OPT_export_type].s : "mxfp4", &err);
    interrupt_release();
    return exit_code(status, &err);
}
