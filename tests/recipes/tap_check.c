/* tap_check.c NAME: is a tap on the rows that want logits, before the final norm, right? The check of
 * docs/adding-a-tap.md. Two sessions of different tokens take one step together at equal positions; the tap must show,
 * for each of them, the rows that want logits with what resid_post of the last layer showed there; and what it replaces
 * must reach the logits. */
#include "osso/osso.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LENGTH = 12, WANT = 3, SESSIONS = 2, MAX_WIDTH = 4096 };

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            printf("tap_check.c:%d: %s does not hold (%s)\n", __LINE__, #condition, err.text);                         \
            exit(1);                                                                                                   \
        }                                                                                                              \
    } while (0)

static struct osso_error err;
static struct {
    enum osso_tap tap;
    bool replace;
    float post[SESSIONS][LENGTH][MAX_WIDTH]; /* the residual stream that left the last layer that was seen */
    int shown[SESSIONS][LENGTH];
} s;

static int look(void *user, const struct osso_tap_value *v)
{
    (void)user;
    CHECK(v->slots == 1 && v->width <= MAX_WIDTH);
    for (int r = 0; r < v->n_rows; r++) {
        int i = *(int *)v->users[r];
        float *post = s.post[i][v->positions[r]], *row = v->values + r * v->width;
        if (v->tap != s.tap) {
            memcpy(post, row, (size_t)v->width * sizeof *row);
            continue;
        }
        s.shown[i][v->positions[r]]++;
        CHECK(memcmp(post, row, (size_t)v->width * sizeof *row) == 0);
        if (s.replace)
            memset(row, 0, (size_t)v->width * sizeof *row);
    }
    return 0;
}

static void run(struct osso_engine *engine)
{
    struct osso_session *session[SESSIONS];
    int number[SESSIONS] = {0, 1};
    memset(s.shown, 0, sizeof s.shown);
    for (int i = 0; i < SESSIONS; i++) {
        int32_t ids[LENGTH];
        for (int j = 0; j < LENGTH; j++)
            ids[j] = 1 + 5 * j % 31 + i;
        CHECK(osso_session_create(engine, (uint64_t)i, &session[i], &err) == OSSO_OK);
        osso_session_set_user(session[i], &number[i]);
        CHECK(osso_session_sync(session[i], ids, LENGTH, &err) == OSSO_OK);
        osso_session_want_logits(session[i], LENGTH - WANT);
    }
    CHECK(osso_step(engine, session, SESSIONS, 0, &err) == OSSO_OK);
    for (int i = 0; i < SESSIONS; i++)
        for (int pos = 0; pos < LENGTH; pos++) {
            const float *logits = osso_session_logits(session[i], (size_t)pos);
            CHECK(s.shown[i][pos] == (pos >= LENGTH - WANT));
            CHECK((logits != NULL) == (pos >= LENGTH - WANT));
            CHECK(!logits || (logits[0] == 0 && logits[1] == 0) == s.replace);
        }
    for (int i = 0; i < SESSIONS; i++)
        osso_session_free(session[i]);
}

int main(int argc, char **argv)
{
    struct osso_model *model;
    struct osso_engine *engine;
    struct osso_engine_options options = {
        .size = sizeof options, .context = 64, .max_sessions = SESSIONS, .threads = 2};
    char path[1024];
    const char *root = getenv("OSSO_ROOT");
    while (s.tap < OSSO_TAP_COUNT && argc > 1 && strcmp(osso_tap_name(s.tap), argv[1]) != 0)
        s.tap++;
    CHECK(argc == 2 && s.tap < OSSO_TAP_COUNT);
    snprintf(path, sizeof path, "%s/tests/golden/taps", root ? root : ".");
    CHECK(osso_model_open(path, &model, &err) == OSSO_OK);
    CHECK(osso_engine_create(model, &options, &engine, &err) == OSSO_OK);
    CHECK(osso_engine_set_tap(engine, (uint64_t)1 << s.tap | (uint64_t)1 << OSSO_TAP_RESID_POST, NULL, look, NULL,
                              &err) == OSSO_OK);
    run(engine);
    s.replace = true;
    run(engine);
    osso_engine_free(engine);
    osso_model_free(model);
    return 0;
}
