/* Markdown on a terminal: what it looks like, that it does not depend on how the text came, and that no word is lost.
 */
#include "test.h"

#include "cli/chat/markdown.h"
#include "screen.h"

#include "base/mem.h"
#include "base/rng.h"

#include <locale.h>
#include <time.h>

static struct buf written;
static int window_columns;

static bool keep_written(const char *text, size_t len)
{
    buf_add(&written, text, len);
    return true;
}

static int window(void)
{
    return window_columns;
}

enum how { WHOLE, BY_BYTES, IN_PIECES };

/* What the program writes for a text that comes in a certain way. */
static void write_text(const char *text, size_t len, int columns, bool draws, bool breaks, enum how how, uint64_t seed)
{
    static struct markdown m;
    struct wrap w = {.write = keep_written, .window = window, .breaks = breaks, .limit = breaks ? columns - 1 : 0};
    struct rng rng;
    rng_seed(&rng, seed);
    window_columns = columns;
    buf_clear(&written);
    markdown_begin(&m, &w, draws);
    for (size_t i = 0, n; i < len; i += n) {
        n = how == WHOLE ? len : how == BY_BYTES ? 1 : 1 + (size_t)(rng_next(&rng) % 9);
        n = n < len - i ? n : len - i;
        markdown_text(&m, text + i, n);
    }
    markdown_end(&m);
    markdown_free(&m);
    buf_putc(&written, 0);
    written.len--;
}

static const char *shown(const char *text, int columns, bool marks)
{
    static struct screen s;
    static struct buf out;
    write_text(text, strlen(text), columns, true, true, WHOLE, 0);
    s = (struct screen){.columns = columns};
    screen_feed(&s, written.data, written.len);
    screen_text(&s, marks, &out);
    return out.data ? out.data : "";
}

static void looks(const char *text, const char *want)
{
    const char *got = shown(text, 80, true);
    if (strcmp(got, want) != 0)
        fail_msg("%s\n--- looks like\n%s\n--- and should like\n%s", text, got, want);
}

/* Text that only looks like Markdown. */
static void stays(const char *text)
{
    looks(text, text);
}

static void test_emphasis(void **state)
{
    (void)state;
    looks("a **bold** word", "a <1>bold<> word");
    looks("*one* _two_ ***three***", "<3>one<> <3>two<> <1;3>three<>");
    looks("**all *of* it** and *all **of** it*", "<1>all <1;3>of<1> it<> and <3>all <1;3>of<3> it<>");
    looks("***a** b* ***c* d** ***e**", "<1;3>a<3> b<> <1;3>c<1> d<> ***e**");
    looks("_*a* b_ *_c_* **__D__**", "<3>a b<> <3>c<> <1>D<>");
    looks("**C**reate, **R**ead", "<1>C<>reate, <1>R<>ead");
    looks("(**bold**), \"*so*\"; **Note:** x", "(<1>bold<>), \"<3>so<>\"; <1>Note:<> x");
    looks("__Strong words__ and ~~gone~~", "<1>Strong words<> and <9>gone<>");
    looks("这是**重点**内容", "这是<1>重点<>内容");
    looks("**over\ntwo lines** end", "<1>over<>\n<1>two lines<> end");
    looks("`code` and ``a ` b`` and ` x `", "<36>code<> and <36>a ` b<> and <36>x<>");
    looks("`a`` b` c", "<36>a`` b<> c");
    looks("**`a**b`** c", "<1;36>a**b<> c");
    looks("\\*not\\* it\\_is \\# \\`x\\`", "*not* it_is # `x`");
}

static void test_links(void **state)
{
    (void)state;
    looks("[the page](https://a.org/x_y_z) end", "the page (<4>https://a.org/x_y_z<>) end");
    looks("[a **b**](x.md), [https://a.org](https://a.org)", "a <1>b<> (<4>x.md<>), https://a.org");
    looks("![a cat](cat.png) <https://b.org/*a*> <br> a<b", "a cat (<4>cat.png<>) <4>https://b.org/*a*<> <br> a<b");
    looks("[x](<y z>", "[x](<y z>");
    looks("[wiki](https://a.org/b_(c)) [m@a.org](mailto:m@a.org)", "wiki (<4>https://a.org/b_(c)<>) m@a.org");
}

static void test_what_is_no_markdown(void **state)
{
    static const char *const texts[] = {"2 * 3 * 4",
                                        "2*3*4 and 2**3**4",
                                        "x**2 + y**2",
                                        "f(x)*g(x)*h(x)",
                                        "snake_case_name and _x",
                                        "__init__ and __name__",
                                        "a lone | b",
                                        "unfinished **bold",
                                        "unfinished *it",
                                        "unfinished `code",
                                        "[no link] and [no](link and a[i](x)",
                                        "*args and **kwargs",
                                        "src/**/x and **/*.c and *.h",
                                        "#hashtag",
                                        "a # b",
                                        "1.5 is no item",
                                        "12345678901. no",
                                        "-5 degrees",
                                        "--flag",
                                        "$5 and $6",
                                        "** a **",
                                        "!",
                                        "!a",
                                        "a\\b \\(x*y*z\\) \\",
                                        "5 < 6 <http",
                                        "~5 ~ 6~",
                                        "`",
                                        "`a\nb",
                                        "~5\nb",
                                        "||",
                                        "| a |",
                                        "|x| = 5",
                                        "100 % *",
                                        "*",
                                        "handlers[name](event)",
                                        "\\[ a*b*c \\]",
                                        "C:\\dir\\name",
                                        "| a | b |\nno row",
                                        "| a |\n| b |\nx",
                                        "e_1 and e_2_",
                                        "[x] done",
                                        "[1]",
                                        "`a",
                                        "a `` b"};
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        stays(texts[i]);
}

static void test_blocks(void **state)
{
    (void)state;
    looks("# Title\ntext\n### Sub **x**", "<1;4>Title<>\ntext\n<1>Sub x<>");
    looks("- one\n* two\n+ three\n  - deep\n10. ten\n2) two", "• one\n• two\n+ three\n  • deep\n10. ten\n2) two");
    looks("> said\n> - a\nover", "<2>│ <>said\n<2>│ <>• a\nover");
    looks("a\n\n---\nb", shown("a\n\n***\nb", 80, true));
    assert_non_null(strstr(shown("a\n\n---\nb", 80, false), "───\nb"));
    looks("- - -5", "• • -5");
    looks("- [ ] todo\n-\n- ", "• [ ] todo\n-\n•");
}

static void test_code(void **state)
{
    (void)state;
    looks("a\n```python\nx = *p*\n\n  # y\n```\nb", "a\n<2>python<>\n<36>x = *p*<>\n\n<36>  # y<>\nb");
    looks("~~~\n```\n~~~\nx", "<36>```<>\nx");
    looks("````\n```\n````", "<36>```<>\n");
    looks("1. a\n   ```sh\n   ls -l\n     x\n   ```\n2. b", "1. a\n<2>sh<>\n<36>ls -l<>\n<36>  x<>\n2. b");
    looks("> ```\n> *a*\n> ```\nb", "<2>│ <>\n<2>│ <36>*a*<>\n<2>│ <>\nb");
    looks("a\n\n    *code*\n\n    more\nb", "a\n\n<36>    *code*<>\n\n<36>    more<>\nb");
    looks("- a\n\n    *text* b\n", "• a\n\n    <3>text<> b\n");
    looks("- a\n\nb\n\n    *c*\n", "• a\n\nb\n\n<36>    *c*<>\n");
    looks("```never ended\nx *y*", "<2>never ended<>\n<36>x *y*<>");
    stays("```");
    looks("```one``` line", "<36>one<> line");
    looks("\\[\n- a*b*c\n+ d\n\\]\n- x", "\\[\n- a*b*c\n+ d\n\\]\n• x");
    looks("$$a*b*c\n- d$$\n*x*", "$$a*b*c\n- d$$\n<3>x<>");
}

static void test_tables(void **state)
{
    (void)state;
    looks("| Name | n |\n|:--|--:|\n| **a** | 1 |\n| long name | 234 |\nend",
          "<1>Name<>     <2> │ <>  <1>n<>\n<2>──────────┼────<>\n<1>a<>        <2> │ <>  1\nlong name<2> │ <>234\nend");
    looks(
        "| a | b |\n|---|:-:|\n| x \\| y | `c` |\n| only |\n| 日本 | é | f | g",
        "<1>a<>    <2> │ <>    <1>b<>\n<2>──────┼──────────<>\nx | y<2> │ <>    <36>c<>\nonly <2> │ <>\n日本 <2> │ <>é | f | g\n");
    looks("| a |\n|---|", "<1>a<>\n<2>─<>\n");
}

/* What is too wide gets lines of its own; nothing runs over the edge, whatever the window. */
static void shows(const char *text, int columns, bool marks, const char *want)
{
    const char *got = shown(text, columns, marks);
    if (strcmp(got, want) != 0)
        fail_msg("%s\n--- in %d columns looks like\n%s\n--- and should like\n%s", text, columns, got, want);
}

/* What is too wide gets lines of its own; where there is no room for that either, it is running text. */
static void test_wide_tables(void **state)
{
    (void)state;
    shows("| Word | What it means |\n|---|---|\n| **one** | the first of all numbers that count |\n"
          "| two | the next<br>and *last* |\n",
          30, false,
          "Word │ What it means\n─────┼───────────────────────\none  │ the first of all\n     │ numbers that count\n"
          "─────┼───────────────────────\ntwo  │ the next\n     │ and last\n");
    shows("| abcdefgh | ijklmnop | qrst |\n|---|---|---|\n| 1 | 2 | 3 |\n", 20, false,
          "abcd │ ijkl │ qrst\nefgh │ mnop │\n─────┼──────┼─────\n1    │ 2    │ 3\n");
    shows("| abcdefgh | ijklmnop | qrst | u | v|\n|---|---|---|---|---|\n| 1 | 2 | 3 |\n", 20, false,
          "| abcdefgh |\nijklmnop | qrst | u\n| v|\n|---|---|---|---|--\n-|\n| 1 | 2 | 3 |\n");
}

static void test_wrapping(void **state)
{
    (void)state;
    shows("- one **two three four five six** seven\n  more of it that is long", 22, true,
          "• one <1>two three four <>\n  <1>five six<> seven\n  more of it that is\n  long");
    shows("0123456789 **abcdefgh ij`k`l** `mn`op", 22, true,
          "0123456789 <1>abcdefgh <>\n<1>ij<1;36>k<1>l<> <36>mn<>op");
    shows("0123456789 0123456 `mn`*op*qr", 22, true, "0123456789 0123456\n<36>mn<>*op*qr");
    shows("1. x\n\n   > said by somebody else in a long line\n", 22, true,
          "1. x\n\n   <2>│ <>said by somebody\n<2>   │ <>else in a long\n<2>   │ <>line\n");
    shows("0123456789 012345日\xcc\x81"
          "abcdef",
          22, true, "0123456789 012345日\xcc\x81\nabcdef");
    shows("tab\there\tand there and", 22, false, "tab     here    and\nthere and");
    shows("exactly twenty one ab  \nnext 日本語日本語日本語日本語", 22, true,
          "exactly twenty one ab\nnext 日本語日本語日本\n語日本語");
    shows("e\xcc\x81\xcc\x81\xcc\x81\xcc\x81 of all the accents on it", 22, true,
          "e\xcc\x81\xcc\x81\xcc\x81\xcc\x81 of all the accents\non it");
}

/* The window alone breaks a line of code; a person who copies it gets one line. */
static void test_code_is_never_wrapped(void **state)
{
    static const char *const code = "this is a line of code and longer than twenty-two columns";
    static const char *const forms[] = {"```\n%s\n```\n", "    %s\n", "a\n\n    %s\n    %s\n",
                                        "- a\n  ```c\n  %s\n  ```\n"};
    char text[400];
    (void)state;
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        for (int draws = 0; draws < 2; draws++) {
            snprintf(text, sizeof text, forms[i], code, code);
            write_text(text, strlen(text), 22, draws, true, BY_BYTES, 0);
            assert_non_null(strstr(written.data, code));
        }
    write_text(code, strlen(code), 22, true, true, WHOLE, 0);
    assert_null(strstr(written.data, code));
}

/* Without drawing and breaking all stays as it is, byte for byte. */
static void test_as_it_is(void **state)
{
    const char *text = "# a **b**\n\n  * c\n| d |\n|---|\n```x\n  y\n```\n    z  \n> \n";
    (void)state;
    write_text(text, strlen(text), 22, false, false, IN_PIECES, 1);
    assert_string_equal(written.data, text);
    write_text(text, strlen(text), 80, false, true, IN_PIECES, 1);
    assert_string_equal(written.data, text);
}

/* ---- properties ----------------------------------------------------------------------------------------- */

static const char *const parts[] = {"word ", "a", "of ", " ", "\n", "\n", "\n\n", "*", "**", "***", "_", "__", "`",
                                    "``", "[", "](", ")", "](https://x.y/z)", "!", "~~", "\\", "# ", "- ", "1. ", "> ",
                                    "    ", "\n- ", "\n> ", "\n## ", "<", "https://a.b>", "\\(", "\\)", "\\[\n", "\\]",
                                    "$$", "日本 ", "é", "longestwordthatisinthislist", ".", ",", "(", "\t", "---\n",
                                    "- - -\n", "2 * 3", "x_y", "\x1b[2J", "\xff", "\xc2\x85",
                                    /* code and tables, from here on */
                                    "\n```\n", "\n```c\n", "~~~", "\n\n    code\n", "| a | b |\n", "|---|---|\n",
                                    "| c | d **e** |\n", "\n|", "|", "| - |\n", ":-:|"};
enum { PARTS = sizeof parts / sizeof *parts, PLAIN_PARTS = PARTS - 11 };

static size_t random_text(struct rng *rng, size_t n_parts, char *text, size_t size)
{
    size_t len = 0, pieces = 1 + (size_t)(rng_next(rng) % 60);
    for (size_t i = 0; i < pieces; i++) {
        const char *part = parts[rng_next(rng) % n_parts];
        if (len + strlen(part) < size)
            memcpy(text + len, part, strlen(part));
        len += len + strlen(part) < size ? strlen(part) : 0;
    }
    text[len] = 0;
    return len;
}

static void test_pieces_do_not_matter(void **state)
{
    static char text[4096];
    struct rng rng;
    (void)state;
    rng_seed(&rng, 1);
    for (int trial = 0; trial < (test_quick() ? 500 : 5000); trial++) {
        size_t len = random_text(&rng, PARTS, text, sizeof text);
        int columns = 5 + (int)(rng_next(&rng) % 75);
        bool draws = rng_next(&rng) % 4 > 0;
        write_text(text, len, columns, draws, true, WHOLE, 0);
        char *whole = strdup(written.data);
        for (enum how how = BY_BYTES; how <= IN_PIECES; how++) {
            write_text(text, len, columns, draws, true, how, (uint64_t)trial);
            if (strcmp(whole, written.data) != 0)
                fail_msg("%s\n--- at once\n%s\n--- in pieces\n%s", text, whole, written.data);
        }
        assert_null(strstr(whole, "\x1b[2J"));
        assert_null(strstr(whole, "\xc2\x85"));
        free(whole);
    }
}

/* The letters and digits of a text. */
static void letters(const char *text, struct buf *out)
{
    buf_clear(out);
    for (; *text; text++)
        if ((*text >= 'a' && *text <= 'z') || (*text >= '0' && *text <= '9') || *text == 'J' || (*text & 0x80))
            buf_putc(out, *text);
    buf_putc(out, 0);
}

static int by_value(const void *a, const void *b)
{
    return *(const char *)a - *(const char *)b;
}

/* What is drawn beside the text: bullets, bars, rules; and what stands for bytes that are no character. */
static void without(char *text, const char *drawn)
{
    for (char *at; (at = strstr(text, drawn));)
        memmove(at, at + strlen(drawn), strlen(at + strlen(drawn)) + 1);
}

static void test_nothing_is_lost(void **state)
{
    static char text[4096];
    static const char *const drawn[] = {"•", "│", "─", "┼", "\xef\xbf\xbd", "\xff", "\xc2\x85"};
    struct buf want = {0}, got = {0};
    struct rng rng;
    (void)state;
    rng_seed(&rng, 2);
    for (int trial = 0; trial < (test_quick() ? 500 : 5000); trial++) {
        bool plain = trial % 2;
        random_text(&rng, plain ? PLAIN_PARTS : PARTS, text, sizeof text);
        char *screen = strdup(shown(text, 5 + trial % 75, false)), *source = strdup(text);
        for (size_t i = 0; i < sizeof drawn / sizeof *drawn; i++) {
            without(screen, drawn[i]);
            without(source, drawn[i]);
        }
        letters(source, &want);
        letters(screen, &got);
        if (!plain) { /* the lines of a table's cells stand beside each other */
            qsort(want.data, want.len, 1, by_value);
            qsort(got.data, got.len, 1, by_value);
        }
        if (want.len != got.len || memcmp(want.data, got.data, want.len) != 0)
            fail_msg("%s\n--- is shown as\n%s\n", text, screen);
        free(screen);
        free(source);
    }
    buf_free(&want);
    buf_free(&got);
}

static void test_nothing_is_held_too_long(void **state)
{
    static struct markdown m;
    static char text[3000];
    static const struct {
        const char *text, *there;
    } cases[] = {{"word", "word"},
                 {"a *b", "a "},
                 {"- item", "• item"},
                 {"x\n# He", "He"},
                 {"a | b", "a | b"},
                 {"`c`.", "."},
                 {"**b** c", " c"},
                 {"```\nco", "co"},
                 {"    x", "x"},
                 {"5.5", "5.5"},
                 {"--a", "--a"},
                 {"| a |\nb", "| a |\nb"},
                 {"| a |\n|-|\n| b |\nc", "c"},
                 {"[a] ", "[a] "},
                 {"2 * 3", "2 * 3"},
                 {"a_b", "a_b"},
                 {"a\n\n", "a\n\n"},
                 {"| a |\n| b", "| a |"}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases + 1; i++) {
        struct wrap w = {.write = keep_written, .window = window, .breaks = true, .limit = 79};
        bool last = i == sizeof cases / sizeof *cases;
        window_columns = 80;
        buf_clear(&written);
        markdown_begin(&m, &w, true);
        memset(text, 'x', sizeof text - 1);
        memcpy(text, "**", 2);
        markdown_text(&m, last ? text : cases[i].text, strlen(last ? text : cases[i].text));
        buf_putc(&written, 0);
        if (!strstr(written.data, last ? "**xxxx" : cases[i].there))
            fail_msg("'%s' shows only '%s'", cases[i].text, written.data);
        if (i == 12) /* a table is held, but for that */
            assert_non_null(strstr(written.data, "─"));
    }
    markdown_free(&m);
}

/* A new width counts from the next line on. */
static void test_a_resize(void **state)
{
    static struct markdown m;
    static struct screen s;
    struct wrap w = {.write = keep_written, .window = window, .breaks = true, .limit = 59};
    struct buf out = {0};
    (void)state;
    window_columns = 60;
    buf_clear(&written);
    markdown_begin(&m, &w, true);
    for (int i = 0; i < 60; i++) {
        window_columns = i < 25 ? 60 : i < 45 ? 30 : 90;
        markdown_text(&m, "words ", 6);
    }
    markdown_end(&m);
    markdown_free(&m);
    s = (struct screen){.columns = 100};
    screen_feed(&s, written.data, written.len);
    screen_text(&s, false, &out);
    struct buf widths = {0};
    for (char *line = strtok(out.data, "\n"); line; line = strtok(NULL, "\n"))
        buf_printf(&widths, "%zu ", strlen(line));
    assert_string_equal(widths.data, "59 59 59 29 29 29 89 ");
    buf_free(&widths);
    buf_free(&out);
}

/* A table is held until its last row, but not for ever: then it comes in parts of the same widths, and a row that does
 * not end is text. */
static void test_tables_without_end(void **state)
{
    struct buf text = {0}, want = {0}, got = {0};
    (void)state;
    for (int rows = 0; rows < 2; rows++) {
        buf_clear(&text);
        buf_puts(&text, "| a | b |\n|---|---|\n");
        for (int i = 0; i < 10000; i++)
            buf_printf(&text, rows ? "| r%d | s |\n" : i ? "word%d " : "| c", i);
        buf_puts(&text, "\nend");
        write_text(text.data, text.len, 80, true, true, WHOLE, 0);
        assert_non_null(strstr(written.data, rows ? "─┼" : "word5 "));
        without(written.data, "\033[0m"), without(written.data, "\033[0;1m"), without(written.data, "\033[0;2m");
        without(written.data, "│"), without(written.data, "─"), without(written.data, "┼");
        for (char *at; (at = strstr(written.data, "\033[")) && at > written.data;) /* of a word, before it moved */
            memmove(at - atoi(at + 2), at + 7, strlen(at + 7) + 1);
        letters(text.data, &want);
        letters(written.data, &got);
        assert_int_equal(want.len, got.len);
        assert_memory_equal(want.data, got.data, want.len);
    }
    buf_free(&text);
    buf_free(&want);
    buf_free(&got);
}

/* Memory that runs out costs the drawing, not the text. */
/* Markers that nothing closes: each looks for its other half, and not through all of a long cell. */
static void test_a_long_cell_takes_no_time(void **state)
{
    enum { BYTES = 60000, SECONDS = 20 };
    struct buf text = {0};
    clock_t start = clock();
    (void)state;
    buf_puts(&text, "| a |\n|---|\n| ");
    while (text.len < BYTES / 2)
        buf_puts(&text, "*a ");
    for (int run = 1; text.len < BYTES; run++, buf_putc(&text, ' '))
        for (int i = 0; i < run; i++)
            buf_putc(&text, '`');
    buf_puts(&text, " **b** |\n");
    write_text(text.data, text.len, 80, true, true, WHOLE, 0);
    assert_non_null(strstr(written.data, "\033[0;1mb\033[0"));
    assert_true(clock() - start < SECONDS * CLOCKS_PER_SEC);
    buf_free(&text);
}

static void test_out_of_memory(void **state)
{
    static const char *const text =
        "| a | b of a head that is long |\n|---|---|\n| c is so long that it takes more memory | d |\nend\n\n| e |\n|---|\n";
    (void)state;
    for (uint64_t n = 1; n < 12; n++) {
        struct buf got = {0}, want = {0};
        buf_printf(&written, "%2000s", ""); /* it has room, and needs none */
        mem_fail_at(n);
        write_text(text, strlen(text), 80, true, true, WHOLE, 0);
        mem_fail_at(0);
        assert_true(n > 1 || strstr(written.data, "─")); /* the table after the one that there was no memory for */
        letters(text, &want);
        without(written.data, "\033[0m"), without(written.data, "\033[0;1m"), without(written.data, "\033[0;2m");
        without(written.data, "│"), without(written.data, "─"), without(written.data, "┼");
        letters(written.data, &got);
        assert_string_equal(got.data, want.data);
        buf_free(&got);
        buf_free(&want);
    }
}

int main(void)
{
    setlocale(LC_CTYPE, "C.UTF-8");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_emphasis),
        cmocka_unit_test(test_links),
        cmocka_unit_test(test_what_is_no_markdown),
        cmocka_unit_test(test_blocks),
        cmocka_unit_test(test_code),
        cmocka_unit_test(test_tables),
        cmocka_unit_test(test_wide_tables),
        cmocka_unit_test(test_wrapping),
        cmocka_unit_test(test_code_is_never_wrapped),
        cmocka_unit_test(test_as_it_is),
        cmocka_unit_test(test_pieces_do_not_matter),
        cmocka_unit_test(test_nothing_is_lost),
        cmocka_unit_test(test_nothing_is_held_too_long),
        cmocka_unit_test(test_a_resize),
        cmocka_unit_test(test_tables_without_end),
        cmocka_unit_test(test_a_long_cell_takes_no_time),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
