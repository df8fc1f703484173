/* test_evicting.c: what giving up a page looks at, however many there are, and what asking for figures does: the tables
 * of pages and of nodes are closed, and every system page of them that is entered opens with its signal, and is
 * counted.
 */
#define _DEFAULT_SOURCE /* sysconf's page, siginfo_t */
#include "prefix_test.h"

#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

static struct table {
    uintptr_t from, to; /* whole system pages */
} tables[2];
static size_t system_page, entered;

static void on_fault(int signal_number, siginfo_t *info, void *context)
{
    (void)context;
    uintptr_t at = (uintptr_t)info->si_addr / system_page * system_page;
    for (int i = 0; i < 2; i++)
        if (at >= tables[i].from && at < tables[i].to) {
            entered++;
            mprotect((void *)at, system_page, PROT_READ | PROT_WRITE);
            return;
        }
    signal(signal_number, SIG_DFL); /* and it comes again */
}

static void table_of(struct table *table, const void *data, size_t bytes)
{
    table->from = ((uintptr_t)data + system_page - 1) / system_page * system_page;
    table->to = ((uintptr_t)data + bytes) / system_page * system_page;
}

static void protect(int how)
{
    for (int i = 0; i < 2; i++)
        assert_int_equal(mprotect((void *)tables[i].from, tables[i].to - tables[i].from, how), 0);
    entered = how == PROT_NONE ? 0 : entered;
}

/* Prefixes of fifty pages under salts of their own, until nothing is free; only the tree holds them. */
static void fill_pool(struct rig *r)
{
    enum { DEEP = 50 };
    struct osso_engine *e = r->engine;
    struct kv_seq seq;
    int32_t tokens[KV_PAGE];
    check_ok(kv_seq_create(DEEP * KV_PAGE, &seq, &r->err), r->err);
    for (uint64_t salt = 1; stats_of(r).pages_free >= 2; salt++) {
        int32_t node = -1;
        for (int slot = 0; slot < DEEP && stats_of(r).pages_free >= 2; slot++) {
            assert_true(kv_seq_own(&e->kv, &seq, KV_FULL, slot) && kv_seq_own(&e->kv, &seq, KV_SLIDING, slot));
            fill(tokens, KV_PAGE, salt * DEEP + (uint64_t)slot);
            node = prefix_add(&e->tree, node, salt, tokens, KV_PAGE, seq.page[KV_FULL][slot],
                              seq.page[KV_SLIDING][slot]);
        }
        kv_seq_drop(&e->kv, &seq, KV_SLIDING, 0, DEEP);
        kv_seq_drop(&e->kv, &seq, KV_FULL, 0, DEEP);
    }
    kv_seq_free(&e->kv, &seq);
}

/* So many pages are given up one after the other; each looks at few of the tables, its place in the order of nodes. */
static void give_up(struct rig *r, int n)
{
    size_t all = 0, most = 0;
    for (int i = 0; i < n; i++) {
        uint64_t free_before = stats_of(r).pages_free;
        protect(PROT_NONE);
        bool one = prefix_evict(&r->engine->tree);
        protect(PROT_READ | PROT_WRITE);
        assert_true(one && stats_of(r).pages_free > free_before);
        all += entered;
        most = entered > most ? entered : most;
    }
    print_message("  %zu system pages entered for each, %zu at most\n", all / (size_t)n, most);
    assert_in_range(all, (size_t)n, (size_t)n * 30);
    assert_in_range(most, 1, 60);
}

static void test_constant_time(void **state)
{
    (void)state;
    static const uint64_t sizes[] = {1000, 60000};
    struct sigaction old, ours = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};
    struct rig r = open_scripted(131072, 1, 0, 0);
    const uint64_t page = stats_of(&r).kv_bytes / stats_of(&r).pages_free;
    system_page = (size_t)sysconf(_SC_PAGESIZE);
    rig_close(&r);
    sigaction(SIGSEGV, &ours, &old);
    for (int i = 0; i < 2; i++) {
        r = open_scripted(i ? 131072 : 100000, 1, 0, sizes[i] * page);
        struct osso_engine *e = r.engine;
        assert_int_equal(stats_of(&r).pages_free, sizes[i]);
        fill_pool(&r);
        assert_in_range(stats_of(&r).pages_free, 0, 1);
        table_of(&tables[0], e->tree.nodes, (size_t)e->tree.n_nodes * sizeof *e->tree.nodes);
        table_of(&tables[1], e->kv.pages, (size_t)e->kv.n_pages * sizeof *e->kv.pages);
        size_t system_pages = (tables[0].to - tables[0].from + tables[1].to - tables[1].from) / system_page;
        print_message("%llu pages, tables of %zu system pages\n", (unsigned long long)sizes[i], system_pages);
        assert_true(i == 0 || system_pages > 8000);
        protect(PROT_NONE);
        struct osso_engine_stats stats = stats_of(&r);
        protect(PROT_READ | PROT_WRITE);
        assert_true(entered == 0 && stats.pages_cached + stats.pages_free == sizes[i]);
        give_up(&r, 200); /* of sliding layers */
        while (stats_of(&r).sliding_cached)
            assert_true(prefix_evict(&e->tree));
        give_up(&r, 200); /* of full ones, with their nodes */
        rig_close(&r);
    }
    sigaction(SIGSEGV, &old, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_constant_time)};
    return cmocka_run_group_tests_name("evicting", tests, NULL, NULL);
}
