#include "oci/sign/signing_config.h"

#include "base/jval.h"
#include "base/memory.h"
#include "oci/sign/public_good_root.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const int64_t now_ms = INT64_C(1795255200000); // 2026-11-21T10:00:00Z

static struct signing_config *parse(const char *text)
{
    struct signing_config *config = NULL;
    cleanup_error struct error err = {0};
    if (signing_config_parse(text, strlen(text), "the file", &config, &err) < 0)
        fail_msg("%s", error_message(&err));
    return config;
}

static void test_signing_config_built_in(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *authority;
        const char *log;
        const char *tsa;
    } cases[] = {
        {public_good_signing_config, "https://fulcio.sigstore.dev",
         "https://log2025-1.rekor.sigstore.dev", "https://timestamp.sigstore.dev/api/v1/timestamp"},
        {staging_signing_config, "https://fulcio.sigstage.dev", "https://global.rekor.sigstage.dev",
         "https://timestamp.sigstage.dev/api/v1/timestamp"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        cleanup_signing_config struct signing_config *config = parse(cases[i].text);
        static const struct signing_choice any = {.selector = SIGNING_ANY};
        cleanup_vec struct vec found = SIGNING_SERVICES;
        const struct signing_service **at;
        assert_int_equal(
            signing_services_select(&config->authorities, &any, 1, now_ms, "x", &found, NULL), 0);
        assert_int_equal(signing_services_select(&config->logs, &config->log_choice, 2, now_ms, "x",
                                                 &found, NULL),
                         0);
        assert_int_equal(signing_services_select(&config->tsas, &config->tsa_choice, 1, now_ms, "x",
                                                 &found, NULL),
                         0);
        assert_int_equal(found.len, 3);
        at = found.data;
        assert_string_equal(at[0]->url, cases[i].authority);
        assert_string_equal(at[1]->url, cases[i].log);
        assert_int_equal(at[1]->major, 2);
        assert_string_equal(at[2]->url, cases[i].tsa);
    }
}

// The public log is one that the built-in trusted root knows.
static void test_signing_config_fits_the_root(void **state)
{
    (void)state;
    cleanup_trusted_root struct trusted_root *root = NULL;
    cleanup_signing_config struct signing_config *config = parse(public_good_signing_config);
    assert_int_equal(
        trusted_root_parse(public_good_root, public_good_root_size, "root", &root, NULL), 0);
    vec_foreach (const struct signing_service, service, &config->logs) {
        bool known = false;
        vec_foreach (const struct trusted_log, log, &root->logs) {
            known = known || strcmp(strstr(service->url, "://") + 3, log->host) == 0;
        }
        assert_true(known);
    }
}

#define SERVICE(url, major, valid, by)                                                             \
    "{\"url\":\"" url "\",\"majorApiVersion\":" major ",\"validFor\":" valid ",\"operator\":\"" by \
    "\"}"
#define ALWAYS "{\"start\":\"2020-01-01T00:00:00Z\"}"
#define RECENT "{\"start\":\"2026-01-01T00:00:00Z\"}"
#define PAST "{\"start\":\"2020-01-01T00:00:00Z\",\"end\":\"2021-01-01T00:00:00Z\"}"
#define FUTURE "{\"start\":\"2030-01-01T00:00:00Z\"}"
#define TYPE "\"mediaType\":\"application/vnd.dev.sigstore.signingconfig.v0.2+json\""

static void test_signing_config_select(void **state)
{
    (void)state;
    static const struct {
        const char *choice;
        const char *services;
        const char *expected; // URLs one behind the other; or part of the error behind "!"
    } cases[] = {
        {"{\"selector\":\"ANY\"}", SERVICE("https://a", "2", ALWAYS, "x"), "https://a "},
        {"{\"selector\":\"ANY\"}",
         SERVICE("https://a", "2", ALWAYS, "x") "," SERVICE("https://b", "2", RECENT, "x"),
         "https://b "},
        {"{\"selector\":\"ALL\"}",
         SERVICE("https://a", "2", ALWAYS, "x") "," SERVICE("https://b", "2", RECENT, "y"),
         "https://b https://a "},
        {"{\"selector\":\"ALL\"}",
         SERVICE("https://a", "2", ALWAYS, "x") "," SERVICE("https://b", "2", RECENT, "x"),
         "https://b "},
        {"{\"selector\":\"ALL\"}",
         SERVICE("https://a", "1", ALWAYS, "x") "," SERVICE("https://b", "2", PAST, "y"),
         "https://a "},
        {"{\"selector\":\"EXACT\",\"count\":2}",
         SERVICE("https://a", "2", ALWAYS, "x") "," SERVICE(
             "https://b", "2", RECENT, "y") "," SERVICE("https://c", "2", ALWAYS, "z"),
         "https://b https://a "},
        {"{\"selector\":\"EXACT\",\"count\":\"2\"}",
         SERVICE("https://a", "2", ALWAYS, "x") "," SERVICE("https://b", "2", RECENT, "x"),
         "!exactly 2 operators of a log, and names 1"},
        {"{\"selector\":\"ANY\"}", SERVICE("https://a", "2", FUTURE, "x"),
         "!no log that is valid now"},
        {"{\"selector\":\"ANY\"}", SERVICE("https://a", "3", ALWAYS, "x"),
         "!version 1 or 2; get a newer"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        cleanup_free char *text =
            xasprintf("{" TYPE ",\"rekorTlogUrls\":[%s],\"rekorTlogConfig\":%s}", cases[i].services,
                      cases[i].choice);
        cleanup_signing_config struct signing_config *config = parse(text);
        cleanup_vec struct vec found = SIGNING_SERVICES;
        cleanup_error struct error err = {0};
        struct strbuf urls;
        int result = signing_services_select(&config->logs, &config->log_choice, 2, now_ms, "log",
                                             &found, &err);
        if (*cases[i].expected == '!') {
            assert_int_equal(result, -1);
            assert_non_null(strstr(error_message(&err), cases[i].expected + 1));
            continue;
        }
        strbuf_init(&urls, 1024);
        vec_foreach (const struct signing_service *const, service, &found)
            strbuf_addf(&urls, "%s ", (*service)->url);
        assert_string_equal(urls.data, cases[i].expected);
        strbuf_release(&urls);
    }
}

static void test_signing_config_refuses(void **state)
{
    (void)state;
#define CA(service) "{" TYPE ",\"caUrls\":[" service "]}"
    static const struct {
        const char *text;
        const char *part;
    } cases[] = {
        {"[]", "the file"},
        {"{}", "mediaType"},
        {"{\"mediaType\":\"application/vnd.dev.sigstore.signingconfig.v0.1+json\"}", "v0.1+json"},
        {"{" TYPE ",\"caUrls\":{}}", "caUrls is no list"},
        {CA("1"), "caUrls[0]: it is no object"},
        {CA("{}"), "url"},
        {CA(SERVICE("ftp://a", "1", ALWAYS, "x")), "no https address"},
        {CA(SERVICE("https://a?b=c", "1", ALWAYS, "x")), "no https address"},
        {CA(SERVICE("https://u:geheim@a", "1", ALWAYS, "x")), "it holds a login"},
        {CA(SERVICE("nonsense", "1", ALWAYS, "x")), "url"},
        {CA(SERVICE("https://a", "0", ALWAYS, "x")), "majorApiVersion"},
        {CA(SERVICE("https://a", "1001", ALWAYS, "x")), "majorApiVersion"},
        {CA(SERVICE("https://a", "1", "{}", "x")), "validFor.start is missing"},
        {CA(SERVICE("https://a", "1", "{\"start\":\"now\"}", "x")), "validFor.start"},
        {CA("{\"url\":\"https://a\",\"majorApiVersion\":1,\"validFor\":" ALWAYS ",\"operator\":1}"),
         "operator"},
        {"{" TYPE ",\"tsaUrls\":[" SERVICE("https://a", "1", ALWAYS, "x") "]}", "tsaConfig"},
        {"{" TYPE ",\"rekorTlogConfig\":{\"selector\":\"SOME\"}}", "none of ALL, ANY and EXACT"},
        {"{" TYPE ",\"rekorTlogConfig\":{\"selector\":\"EXACT\"}}", "rekorTlogConfig.count"},
        {"{" TYPE ",\"rekorTlogConfig\":{\"selector\":\"EXACT\",\"count\":33}}",
         "rekorTlogConfig.count"},
        {"{" TYPE ",\"rekorTlogConfig\":{\"selector\":\"ANY\",\"count\":-1}}", "count"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct signing_config *config = NULL;
        cleanup_error struct error err = {0};
        assert_int_equal(
            signing_config_parse(cases[i].text, strlen(cases[i].text), "the file", &config, &err),
            -1);
        if (strstr(error_message(&err), cases[i].part) == NULL)
            fail_msg("%s: %s", cases[i].text, error_message(&err));
        assert_null(strstr(error_message(&err), "geheim"));
    }
}

static void test_signing_config_is_bounded(void **state)
{
    (void)state;
    struct signing_config *config = NULL;
    cleanup_error struct error err = {0};
    struct strbuf text;
    strbuf_init(&text, 1 << 20);
    strbuf_addstr(&text, "{" TYPE ",\"caUrls\":[");
    for (int i = 0; i < 33; i++)
        strbuf_addf(&text, "%s%s", i > 0 ? "," : "", SERVICE("https://a", "1", ALWAYS, "x"));
    strbuf_addstr(&text, "]}");
    assert_int_equal(signing_config_parse(text.data, text.len, "the file", &config, &err), -1);
    assert_int_equal(err.code, ERROR_LIMIT);
    while (text.len <= SIGNING_CONFIG_MAX_BYTES)
        strbuf_addstr(&text, "                                                                ");
    assert_int_equal(signing_config_parse(text.data, text.len, "the file", &config, &err), -1);
    assert_int_equal(err.code, ERROR_LIMIT);
    strbuf_release(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_signing_config_built_in),
        cmocka_unit_test(test_signing_config_fits_the_root),
        cmocka_unit_test(test_signing_config_select),
        cmocka_unit_test(test_signing_config_refuses),
        cmocka_unit_test(test_signing_config_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
