/* file_text.c: reading files that should be text, and saying what files are that are not what they should be. */
#include "base/file.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/utf8.h"

#include <string.h>

const char *file_instead(const void *data, uint64_t size)
{
    static const char image[] = "is an image, not the file itself; download it again",
                      archive[] = "is an archive, not the file itself; unpack it";
    static const struct {
        const char *begins, *is;
    } kinds[] = {{"version https://git", "is a Git LFS pointer, not the file itself; fetch it with git lfs pull"},
                 {"\x89PNG", image},
                 {"\xff\xd8\xff", image},
                 {"GIF8", image},
                 {"PK\3\4", "is a zip archive (PyTorch saves weights so), not the file itself; use the model's "
                            "safetensors or GGUF form"},
                 {"\x1f\x8b", archive},
                 {"BZh", archive},
                 {"\xfd"
                  "7zXZ",
                  archive},
                 {"7z\xbc\xaf", archive},
                 {"\x28\xb5\x2f\xfd", archive},
                 {"%PDF", "is a PDF file, not the file itself; download it again"}};
    const char *text = data;
    if (size == 0)
        return "is empty; download it again";
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (size >= strlen(kinds[i].begins) && memcmp(text, kinds[i].begins, strlen(kinds[i].begins)) == 0)
            return kinds[i].is;
    uint64_t at = 0;
    while (at < size && (text[at] == ' ' || text[at] == '\t' || text[at] == '\r' || text[at] == '\n'))
        at++;
    /* A header's length may begin with such a byte, but its upper half is zeros. */
    bool page = at < size && text[at] == '<' && !memchr(text, 0, size < 8 ? size : 8);
    return page ? "is a web page, not the file itself; download it again" : NULL;
}

enum osso_status file_read_text(const char *path, uint64_t limit, char **text_out, size_t *len_out,
                                struct osso_error *err)
{
    enum osso_status status = file_read(path, limit, text_out, len_out, err);
    if (status)
        return status;
    const char *is = file_instead(*text_out, *len_out), *form = utf8_other_form(*text_out, *len_out);
    size_t mark = utf8_mark(*text_out, *len_out);
    if (is)
        status = error_set(err, OSSO_FORMAT, "%s %s", path, is);
    else if (form)
        status = error_set(err, OSSO_FORMAT, "%s is %s, not UTF-8; convert it (iconv -f %s -t UTF-8) first", path, form,
                           form);
    if (status) {
        mem_free(*text_out);
        *text_out = NULL;
        *len_out = 0;
        return status;
    }
    *len_out -= mark;
    memmove(*text_out, *text_out + mark, *len_out + 1);
    return OSSO_OK;
}
