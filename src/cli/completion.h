/* completion.h: the scripts that teach a shell to ask osso what Tab completes. */
#ifndef OSSO_CLI_COMPLETION_H
#define OSSO_CLI_COMPLETION_H

/* Of this shell: the file completion.<shell>, with '\0' behind it; NULL: there is none. */
const char *completion_script(const char *shell);

#endif
