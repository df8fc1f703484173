/* test_files.c: what may be mapped, what a file that shrinks does, and writes that are whole or absent. */
#include "fault_test.h"

#include "base/file.h"
#include "base/lock.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[64];

static const char *at(const char *name)
{
    static char path[4][256];
    static int turn;
    char *p = path[turn++ % 4];
    snprintf(p, sizeof path[0], "%s/%s", folder, name);
    return p;
}

static int setup(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/osso-test-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

/* Names in the folder that begin like this. */
static int names(const char *start)
{
    int n = 0;
    DIR *d = opendir(folder);
    for (struct dirent *e; d && (e = readdir(d));)
        n += strncmp(e->d_name, start, strlen(start)) == 0;
    if (d)
        closedir(d);
    return n;
}

static int teardown(void **state)
{
    (void)state;
    DIR *d = opendir(folder);
    for (struct dirent *e; d && (e = readdir(d));)
        (void)unlinkat(dirfd(d), e->d_name, 0);
    if (d)
        closedir(d);
    return rmdir(folder);
}

static void put(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    assert_int_equal(fclose(f), 0);
}

static void check_holds(const char *path, const char *text)
{
    struct osso_error err = {""};
    char *data;
    size_t len;
    check_ok(file_read(path, 1 << 20, &data, &len, &err), err);
    assert_string_equal(data, text);
    assert_int_equal(len, strlen(text));
    mem_free(data);
}

static void refuse(const char *path, const char *word)
{
    struct osso_error err = {""};
    struct file_map map;
    char *data;
    size_t len;
    assert_int_equal(file_map_open(path, &map, &err), OSSO_IO);
    assert_non_null(strstr(err.text, word));
    assert_null(map.data);
    file_map_close(&map); /* harmless */
    assert_int_equal(file_read(path, 100, &data, &len, &err), OSSO_IO);
    assert_null(data);
}

static void test_map(void **state)
{
    (void)state;
    struct osso_error err = {""};
    struct file_map map;
    assert_int_equal(mkfifo(at("fifo"), 0600), 0);
    alarm(20); /* opening a FIFO for reading must not wait for a writer */
    refuse(at("fifo"), "a FIFO");
    alarm(0);
    refuse(folder, "a directory");
    refuse("/dev/null", "a device");
    refuse(at("missing"), "cannot open");
    put(at("secret"), "x");
    assert_int_equal(chmod(at("secret"), 0), 0);
    if (geteuid() != 0)
        refuse(at("secret"), "cannot open");
    put(at("empty"), "");
    check_ok(file_map_open(at("empty"), &map, &err), err);
    assert_true(map.size == 0 && map.data == NULL);
    check_ok(file_map_check(&map, &err), err);
    file_map_close(&map);

    put(at("five"), "12345");
    check_ok(file_map_open(at("five"), &map, &err), err);
    assert_memory_equal(map.data, "12345", 5);
    check_ok(file_map_check(&map, &err), err);
    assert_int_equal(truncate(at("five"), 4), 0);
    assert_int_equal(file_map_check(&map, &err), OSSO_IO);
    assert_non_null(strstr(err.text, at("five")));
    file_map_close(&map);

    mem_fail_at(1);
    assert_int_equal(file_map_open(at("five"), &map, &err), OSSO_NOMEM);
    mem_fail_at(0);
    char *data;
    size_t len;
    assert_int_equal(file_read(at("five"), 3, &data, &len, &err), OSSO_LIMIT);
    check_ok(file_read(at("five"), 4, &data, &len, &err), err);
    mem_free(data);
}

static void test_names(void **state)
{
    (void)state;
    assert_true(file_name_is_plain("model.safetensors", 17) && file_name_is_plain("...", 3));
    static const struct {
        const char *s;
        size_t n;
    } bad[] = {{"", 0}, {".", 1}, {"..", 2}, {"a/b", 3}, {"/", 1}, {"a\\b", 3}, {"a\0b", 3}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(file_name_is_plain(bad[i].s, bad[i].n));
    char *p = file_join("a", "b"), *q = file_join("a/", "b"), *r = file_join("", "b");
    assert_string_equal(p, "a/b");
    assert_string_equal(q, "a/b");
    assert_string_equal(r, "b");
    mem_free(p), mem_free(q), mem_free(r);
}

static enum osso_status open_and_abort(void *arg, struct osso_error *err)
{
    struct save *s;
    (void)arg;
    enum osso_status status = save_open(at("saved"), &s, err);
    save_abort(s);
    return status;
}

static void test_save(void **state)
{
    (void)state;
    struct osso_error err = {""};
    struct save *s, *t;
    const char *path = at("saved");
    char *big = malloc(3 << 20);
    memset(big, 'b', 3 << 20);
    check_ok(save_open(path, &s, &err), err);
    check_ok(save_write(s, "one ", 4, &err), err);
    check_ok(save_write(s, "", 0, &err), err);
    check_ok(save_write(s, "two", 3, &err), err);
    assert_int_equal(save_offset(s), 7);
    assert_false(file_exists(path)); /* nothing before the commit */
    check_ok(save_commit(s, &err), err);
    check_holds(at("saved"), "one two");

    check_ok(save_open(at("saved"), &s, &err), err);
    check_ok(save_open(at("saved"), &t, &err), err); /* two at once: the last to commit wins */
    check_ok(save_write(s, big, 3 << 20, &err), err);
    check_ok(save_write(t, "t", 1, &err), err);
    save_abort(s);
    check_holds(at("saved"), "one two");
    check_ok(save_commit(t, &err), err);
    check_holds(at("saved"), "t");
    assert_int_equal(chmod(at("saved"), 0600), 0);
    check_ok(save_atomic(at("saved"), "private", 7, &err), err);
    struct stat st;
    assert_int_equal(stat(at("saved"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600); /* who may read it stays as it was */
    save_abort(NULL);
    assert_int_equal(save_open(folder, &s, &err), OSSO_IO);
    assert_null(s);
    assert_int_equal(save_open("/dev/full", &s, &err), OSSO_IO);
    assert_int_equal(save_atomic(at("no/such"), "x", 1, &err), OSSO_IO);
    assert_true(fault_each(open_and_abort, NULL, false) >= 4);
    check_holds(at("saved"), "private");
    assert_int_equal(names("saved."), 0);
    free(big);
}

/* Temporary files that a crash left are taken over; one that a living process writes is not touched. */
static void test_left_over(void **state)
{
    (void)state;
    struct osso_error err = {""};
    put(at("again.tmp.0"), "left by a crash");
    put(at("again.tmp.1"), "alive");
    put(at("again.tmp.2"), "left by a crash");
    int fd = open(at("again.tmp.1"), O_RDONLY);
    assert_int_equal(flock(fd, LOCK_EX), 0);
    check_ok(save_atomic(at("again"), "new", 3, &err), err);
    check_holds(at("again"), "new");
    check_holds(at("again.tmp.1"), "alive");
    struct save *s;
    check_ok(save_open(at("again"), &s, &err), err);
    check_ok(save_atomic(at("again"), "newer", 5, &err), err); /* 0 is ours and alive, 1 is another's: 2 */
    save_abort(s);
    check_holds(at("again"), "newer");
    close(fd);
    assert_int_equal(unlink(at("again.tmp.1")), 0);
    assert_int_equal(symlink(at("elsewhere"), at("again.tmp.0")), 0); /* planted: never written through */
    check_ok(save_atomic(at("again"), "last", 4, &err), err);
    assert_false(file_exists(at("elsewhere")));
    assert_int_equal(unlink(at("again.tmp.0")), 0);
    assert_int_equal(names("again."), 0);
}

/* A disk that is full at any byte: an error that names the file, the old file whole, nothing left beside it. */
static void test_full_disk(void **state)
{
    (void)state;
    const char *path = at("full");
    put(path, "old");
    char *big = malloc(3 << 20);
    memset(big, 'b', 3 << 20);
    fflush(NULL);
    for (rlim_t limit = 0; limit < (3 << 20); limit = limit * 2 + 4096) {
        pid_t pid = fork(); /* the limit would hold for this process's own output too */
        assert_true(pid >= 0);
        if (pid == 0) {
            struct osso_error err = {""};
            struct save *s;
            signal(SIGXFSZ, SIG_IGN);
            struct rlimit r = {limit, limit};
            bool good = setrlimit(RLIMIT_FSIZE, &r) == 0 && save_open(path, &s, &err) == OSSO_OK;
            bool failed = false;
            for (int i = 0; good && i < 30; i++) /* a caller that does not look */
                failed |= save_write(s, big, 100000, &err) != OSSO_OK;
            err.text[0] = 0;
            good = good && save_commit(s, &err) == OSSO_IO && strstr(err.text, path);
            good = good && (failed || limit > 1900000) && save_atomic(path, big, 3 << 20, &err) == OSSO_IO;
            _exit(good ? 0 : 1);
        }
        int status;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        if (status != 0)
            fail_msg("limit of %llu bytes: status %d", (unsigned long long)limit, status);
        check_holds(path, "old");
        assert_int_equal(names("full."), 0);
    }
    free(big);
}

/* Killed in the middle: the old file, and the next save takes the leftovers away. */
static void test_killed(void **state)
{
    (void)state;
    struct osso_error err = {""};
    const char *path = at("killed");
    put(path, "old");
    fflush(NULL);
    for (int i = 0; i < 20; i++) {
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
            struct save *s;
            if (save_open(path, &s, &err) || save_write(s, "half", 4, &err))
                _exit(1);
            raise(SIGKILL);
        }
        int status;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        check_holds(path, "old");
        assert_int_equal(names("killed."), 1); /* not one more each time */
    }
    check_ok(save_atomic(path, "new", 3, &err), err);
    check_holds(path, "new");
    assert_int_equal(names("killed."), 0);
}

/* Writing through links writes what they point to: one link, a chain of them, one with a relative target. */
static void test_links(void **state)
{
    (void)state;
    struct osso_error err = {""};
    struct stat st;
    put(at("real"), "old");
    assert_int_equal(symlink("real", at("link1")), 0);
    assert_int_equal(symlink(at("link1"), at("link2")), 0);
    for (int i = 1; i <= 2; i++) {
        const char *text = i == 1 ? "new" : "newer", *link = at(i == 1 ? "link1" : "link2");
        check_ok(save_atomic(link, text, strlen(text), &err), err);
        check_holds(at("real"), text);
        assert_int_equal(lstat(link, &st), 0);
        assert_true(S_ISLNK(st.st_mode));
    }
    assert_int_equal(names("link1.tmp") + names("real.tmp"), 0);
    /* To where nothing is yet: beside it, by its whole path, over a second link; and round and round. */
    assert_int_equal(symlink("fresh1", at("dangling1")), 0);
    assert_int_equal(symlink(at("fresh2"), at("dangling2")), 0);
    assert_int_equal(symlink("dangling4", at("dangling3")), 0);
    assert_int_equal(symlink("fresh3", at("dangling4")), 0);
    for (int i = 1; i <= 3; i++) {
        char link[32], fresh[32];
        snprintf(link, sizeof link, "dangling%d", i);
        snprintf(fresh, sizeof fresh, "fresh%d", i);
        check_ok(save_atomic(at(link), "new", 3, &err), err);
        check_holds(at(fresh), "new");
        assert_true(lstat(at(link), &st) == 0 && S_ISLNK(st.st_mode));
    }
    assert_int_equal(symlink("round", at("round")), 0);
    (void)save_atomic(at("round"), "new", 3, &err); /* it ends */
}

/* A folder in the place of another; where that fails, what stood there stands there still. */
static void test_folder_over(void **state)
{
    (void)state;
    struct osso_error err = {""};
    bool made;
    char *old = strdup(at("over")), *temp = strdup(at("over.tmp"));
    check_ok(file_make_dir(old, &made, &err), err);
    put(at("over/file"), "old");
    assert_int_equal(save_folder_over(temp, old, &err), OSSO_IO);
    check_holds(at("over/file"), "old");
    assert_int_equal(names("over."), 0);
    check_ok(file_make_dir(temp, &made, &err), err);
    put(at("over.tmp/file"), "new");
    check_ok(save_folder_over(temp, old, &err), err);
    check_holds(at("over/file"), "new");
    check_holds(at("over.tmp/file"), "old");
    free(old);
    free(temp);
}

/* One opening of a file keeps out every other until it is closed; an opening of what was taken away says so. */
static void test_locks(void **state)
{
    (void)state;
    put(at("locked"), "x");
    int first = open(at("locked"), O_RDWR | O_CLOEXEC), second = open(at("locked"), O_RDONLY | O_CLOEXEC);
    assert_true(first >= 0 && second >= 0);
    assert_int_equal(lock_try(first), LOCK_TAKEN);
    assert_int_equal(lock_try(first), LOCK_TAKEN); /* its own */
    assert_int_equal(lock_try(second), LOCK_HELD);
    close(first);
    assert_int_equal(lock_try(second), LOCK_TAKEN);
    assert_int_equal(lock_try(-1), LOCK_UNKNOWN);
    assert_true(lock_is_of(second, at("locked")));
    put(at("another"), "y");
    assert_int_equal(rename(at("another"), at("locked")), 0);
    assert_false(lock_is_of(second, at("locked")));
    assert_int_equal(unlink(at("locked")), 0);
    assert_false(lock_is_of(second, at("locked")));
    close(second);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_map),       cmocka_unit_test(test_names),       cmocka_unit_test(test_save),
        cmocka_unit_test(test_left_over), cmocka_unit_test(test_full_disk),   cmocka_unit_test(test_links),
        cmocka_unit_test(test_killed),    cmocka_unit_test(test_folder_over), cmocka_unit_test(test_locks)};
    return cmocka_run_group_tests_name("files", tests, setup, teardown);
}
