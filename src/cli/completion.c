/* completion.c: the scripts that teach a shell to ask osso what Tab completes: the files completion.<shell> beside this
 * one, which the assembler reads, so that they stay what a shell's own tools can check. */
#include "cli/completion.h"

#include <stddef.h>
#include <string.h>

#define SCRIPT(shell)                                                                                                  \
    extern const char completion_##shell[] __attribute__((visibility("hidden")));                                      \
    __asm__(".pushsection .rodata, \"a\"\n"                                                                            \
            ".hidden completion_" #shell "\n"                                                                          \
            ".global completion_" #shell "\n"                                                                          \
            "completion_" #shell ":\n"                                                                                 \
            ".incbin \"src/cli/completion." #shell "\"\n"                                                              \
            ".byte 0\n"                                                                                                \
            ".popsection\n");
SCRIPT(bash)
SCRIPT(zsh)
SCRIPT(fish)

const char *completion_script(const char *shell)
{
    return strcmp(shell, "bash") == 0   ? completion_bash
           : strcmp(shell, "zsh") == 0  ? completion_zsh
           : strcmp(shell, "fish") == 0 ? completion_fish
                                        : NULL;
}
