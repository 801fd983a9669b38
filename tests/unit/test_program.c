#include "base/program.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>

#include "base/clock.h"
#include "base/memory.h"

#include <string.h>

static int run(const char *script, const char *input, int64_t timeout_ms, struct strbuf *output,
               int *code, struct error *err)
{
    const char *argv[] = {"sh", "-c", script, NULL};
    const struct program program = {.argv = argv,
                                    .input = input,
                                    .input_size = input != NULL ? strlen(input) : 0,
                                    .timeout_ms = timeout_ms};
    return program_run(&program, output, code, err);
}

static void test_program_takes_and_gives(void **state)
{
    (void)state;
    static const struct {
        const char *script, *input, *output;
        int code;
    } cases[] = {
        {"cat; exit 0", "hello", "hello", 0},
        {"echo no >&2; echo yes; exit 7", "", "yes\n", 7},
        {"exit 1", "nobody reads this", "", 1},
        {"kill -9 $$", NULL, "", 128 + 9},
        // Its output ends before it does.
        {"exec >&-; sleep 0.1; exit 3", NULL, "", 3},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        cleanup_strbuf struct strbuf output;
        strbuf_init(&output, 100);
        cleanup_error struct error err = {0};
        int code = -1;
        if (run(cases[i].script, cases[i].input, 0, &output, &code, &err) < 0)
            fail_msg("case %zu: %s", i, error_message(&err));
        assert_string_equal(output.data, cases[i].output);
        assert_int_equal(code, cases[i].code);
    }
}

static void test_program_is_bounded(void **state)
{
    (void)state;
    static const struct {
        const char *script;
        enum error_code code;
    } cases[] = {{"sleep 60 & sleep 60", ERROR_TIMEOUT},
                 {"exec >&-; sleep 60", ERROR_TIMEOUT},
                 {"yes", ERROR_LIMIT}};
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        cleanup_strbuf struct strbuf output;
        strbuf_init(&output, 100);
        cleanup_error struct error err = {0};
        int code = -1;
        int64_t began = clock_mono_ms(clock_system());
        assert_int_equal(run(cases[i].script, NULL, 200, &output, &code, &err), -1);
        assert_int_equal(err.code, cases[i].code);
        assert_true(clock_mono_ms(clock_system()) - began < 20 * 1000);
    }
}

static void test_program_that_is_not_there(void **state)
{
    (void)state;
    const struct program program = {.argv = (const char *const[]){"docker-credential-none", NULL}};
    cleanup_strbuf struct strbuf output;
    strbuf_init(&output, 100);
    cleanup_error struct error err = {0};
    int code = 0;
    assert_int_equal(program_run(&program, &output, &code, &err), -1);
    assert_int_equal(err.code, ERROR_NOT_FOUND);
    assert_non_null(strstr(err.message, "docker-credential-none"));

    struct cancel cancel;
    cancel_init(&cancel);
    cancel_request(&cancel);
    const struct program cancelled = {.argv = (const char *const[]){"sleep", "60", NULL},
                                      .cancel = &cancel};
    assert_int_equal(program_run(&cancelled, &output, &code, &err), -1);
    assert_int_equal(err.code, ERROR_CANCELED);
    cancel_release(&cancel);
}

static void test_program_whose_end_is_not_told(void **state)
{
    (void)state;
    cleanup_strbuf struct strbuf output;
    strbuf_init(&output, 100);
    cleanup_error struct error err = {0};
    int code = 0;
    signal(SIGCHLD, SIG_IGN);
    int result = run("exit 3", NULL, 20000, &output, &code, &err);
    signal(SIGCHLD, SIG_DFL);
    assert_int_equal(result, -1);
    assert_int_equal(err.code, ERROR_INTERNAL);
    assert_non_null(strstr(err.message, "learn how program"));
}

static void test_program_is_heard(void **state)
{
    (void)state;
    static const struct {
        const char *script, *errors;
        int code;
    } cases[] = {
        {"echo out; echo why >&2; exit 1", "why\n", 1},
        {"echo out; exec >&-; sleep 0.1; echo late >&2", "late\n", 0},
        {"echo out; yes >&2 & sleep 0.1; kill $!", "y\ny\ny\ny\ny\n", 0},
        {"echo out; sleep 60 >&- & echo left >&2", "left\n", 0},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        cleanup_strbuf struct strbuf output, errors;
        strbuf_init(&output, 100);
        strbuf_init(&errors, 10);
        int code = -1;
        const struct program program = {
            .argv = (const char *const[]){"sh", "-c", cases[i].script, NULL}, .errors = &errors};
        assert_int_equal(program_run(&program, &output, &code, NULL), 0);
        assert_string_equal(output.data, "out\n");
        assert_string_equal(errors.data, cases[i].errors);
        assert_int_equal(code, cases[i].code);
    }
}

static void test_program_takes_much(void **state)
{
    (void)state;
    cleanup_free char *input = xcalloc(1, PROGRAM_MAX_INPUT);
    cleanup_strbuf struct strbuf output;
    strbuf_init(&output, 100);
    int code = -1;
    const struct program program = {.argv = (const char *const[]){"wc", "-c", NULL},
                                    .input = input,
                                    .input_size = PROGRAM_MAX_INPUT};
    assert_int_equal(program_run(&program, &output, &code, NULL), 0);
    assert_string_equal(output.data, "1048576\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_program_takes_and_gives),
        cmocka_unit_test(test_program_is_bounded),
        cmocka_unit_test(test_program_that_is_not_there),
        cmocka_unit_test(test_program_whose_end_is_not_told),
        cmocka_unit_test(test_program_is_heard),
        cmocka_unit_test(test_program_takes_much),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
