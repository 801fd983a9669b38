#include "receiver/sender.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/digest.h"
#include "base/encoding.h"
#include "base/file.h"
#include "base/jval.h"
#include "base/memory.h"
#include "base/strbuf.h"
#include "base/url.h"
#include "receiver/github.h"

static const char token[] = "0123456789abcdef";
static const int64_t now_ms = 1768000000000; // 2026-01-09T23:06:40Z

#define COMMIT "6113728f27ae82c7b1a177c8d03f9e96e0adf246"
#define ZERO "0000000000000000000000000000000000000000"
#define REPOSITORY "\"repository\":{\"clone_url\":\"https://Git.Example.com/acme/config.git\"}"
#define PUSH "{\"ref\":\"refs/heads/main\",\"after\":\"" COMMIT "\"," REPOSITORY "}"

struct call {
    const char *provider;
    const char *event;
    const char *type;
    const char *signature; // NULL = the right one; "" = none
    const char *body;
    size_t size;
};

struct headers {
    const struct call *call;
    char signature[80];
};

static const char *header_of(const void *arg, const char *name)
{
    const struct headers *headers = arg;
    const struct call *call = headers->call;
    if (strcasecmp(name, "X-Hub-Signature-256") == 0 ||
        strcasecmp(name, "X-Sealift-Signature-256") == 0)
        return headers->signature[0] != '\0' ? headers->signature : NULL;
    if (strcasecmp(name, "X-GitHub-Event") == 0)
        return call->event;
    if (strcasecmp(name, "X-GitHub-Delivery") == 0)
        return "72d3162e-cc78-11e3-81ab-4c9367dc0958";
    if (strcasecmp(name, "Content-Type") == 0)
        return call->type;
    return NULL;
}

static void ask(const struct call *call, struct sender_answer *ret_answer)
{
    size_t size = call->size > 0 ? call->size : strlen(call->body);
    struct headers headers = {.call = call};
    unsigned char mac[SHA256_SIZE];
    hmac_sha256(token, strlen(token), call->body, size, mac);
    cleanup_free char *hex = hex_encode(mac, sizeof mac);
    if (call->signature == NULL)
        snprintf(headers.signature, sizeof headers.signature, "sha256=%s", hex);
    else
        snprintf(headers.signature, sizeof headers.signature, "%s", call->signature);
    struct sender_request request = {.header = header_of,
                                     .header_arg = &headers,
                                     .body = call->body,
                                     .body_size = size,
                                     .token = token,
                                     .token_size = strlen(token),
                                     .now_ms = now_ms};
    sender_find(call->provider != NULL ? call->provider : "github")->read(&request, ret_answer);
}

static void test_receiver_sender_judge_requests(void **state)
{
    (void)state;
    static const char json[] = "application/json";
    static const char form[] = "application/x-www-form-urlencoded";
    // The MAC of "{}" with another token, and forms of it that are cut or dressed up.
    static const char wrong[] =
        "sha256=0000000000000000000000000000000000000000000000000000000000000000";
    static const struct {
        struct call call;
        enum sender_verdict verdict;
        int status;
        const char *text;
    } rows[] = {
        {{.event = "push", .type = json, .body = PUSH}, SENDER_DELIVERY, 0, ""},
        {{.event = "push", .body = PUSH}, SENDER_DELIVERY, 0, ""},
        {{.event = "push", .type = "Application/JSON; charset=utf-8", .body = PUSH},
         SENDER_DELIVERY,
         0,
         ""},
        {{.event = "push", .type = json, .body = PUSH, .signature = wrong},
         SENDER_REFUSED,
         401,
         "does not fit"},
        {{.event = "push", .type = json, .body = PUSH, .signature = ""},
         SENDER_REFUSED,
         401,
         "does not fit"},
        {{.event = "push", .type = json, .body = PUSH, .signature = "sha256="},
         SENDER_REFUSED,
         401,
         ""},
        {{.event = "push", .type = json, .body = PUSH, .signature = "sha256=0000"},
         SENDER_REFUSED,
         401,
         ""},
        {{.event = "push",
          .type = json,
          .body = PUSH,
          .signature = "sha1=0000000000000000000000000000000000000000"},
         SENDER_REFUSED,
         401,
         ""},
        {{.event = "push", .type = json, .body = "not json", .signature = wrong},
         SENDER_REFUSED,
         401,
         ""},
        {{.event = "push", .type = json, .body = "[]"}, SENDER_REFUSED, 400, "payload"},
        {{.event = "push", .type = json, .body = "\"x\""}, SENDER_REFUSED, 400, "payload"},
        {{.event = "push", .type = json, .body = "{\"a\":1,\"a\":2}"}, SENDER_REFUSED, 400, ""},
        {{.event = "push", .type = json, .body = "{} {}"}, SENDER_REFUSED, 400, ""},
        {{.event = "push", .type = json, .body = "{\0}", .size = 3}, SENDER_REFUSED, 400, ""},
        {{.event = "push", .type = form, .body = "payload=%7B%7"}, SENDER_REFUSED, 400, "form"},
        {{.event = "push", .type = form, .body = "x=y"}, SENDER_REFUSED, 400, "payload"},
        {{.event = "push", .type = "text/xml", .body = "<x/>"}, SENDER_REFUSED, 415, "json"},
        {{.event = NULL, .type = json, .body = PUSH}, SENDER_REFUSED, 400, "X-GitHub-Event"},
        {{.event = "ping", .type = json, .body = "{\"zen\":\"x\"}"}, SENDER_IGNORED, 200, "pong"},
        {{.event = "issues", .type = json, .body = "{}"}, SENDER_IGNORED, 200, "issues"},
        {{.event = "push",
          .type = json,
          .body = "{\"ref\":\"refs/heads/x\",\"after\":\"" ZERO "\",\"deleted\":true}"},
         SENDER_IGNORED,
         200,
         "deleted"},
        {{.event = "push", .type = json, .body = "{\"after\":\"" ZERO "\"}"},
         SENDER_IGNORED,
         200,
         "deleted"},
        {{.event = "push", .type = json, .body = "{\"deleted\":true}"},
         SENDER_IGNORED,
         200,
         "deleted"},
        {{.event = "push", .type = json, .body = "{\"ref\":\"refs/notes/x\"}"},
         SENDER_IGNORED,
         200,
         "neither"},
        {{.event = "push", .type = json, .body = "{}"}, SENDER_DELIVERY, 0, ""},
        {{.event = "push", .type = json, .body = "{\"ref\":{},\"repository\":null,\"after\":1}"},
         SENDER_DELIVERY,
         0,
         ""},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        cleanup_sender_answer struct sender_answer answer;
        ask(&rows[i].call, &answer);
        if (answer.verdict != rows[i].verdict || answer.status != rows[i].status ||
            strstr(answer.text, rows[i].text) == NULL)
            fail_msg("row %zu: verdict %d, status %d, \"%s\"", i, (int)answer.verdict,
                     answer.status, answer.text);
        assert_string_equal(answer.delivery.id, "72d3162e-cc78-11e3-81ab-4c9367dc0958");
    }
    assert_null(sender_find("gitlab"));
    assert_null(sender_find(NULL));
}

static void test_receiver_sender_github_push_names_repository_ref_and_commit(void **state)
{
    (void)state;
    cleanup_sender_answer struct sender_answer answer;
    ask(&(struct call){.event = "push", .body = PUSH}, &answer);
    assert_string_equal(answer.delivery.repository, "git.example.com/acme/config");
    assert_null(answer.delivery.other_repository);
    assert_string_equal(answer.delivery.ref, "refs/heads/main");
    assert_string_equal(answer.delivery.commit, COMMIT);
    assert_int_equal(answer.delivery.received_ms, now_ms);
}

static void test_receiver_sender_github_form_is_the_same_as_json(void **state)
{
    (void)state;
    cleanup_free char *escaped = url_escape(PUSH);
    cleanup_free char *body = xasprintf("other=1&payload=%s", escaped);
    cleanup_sender_answer struct sender_answer answer;
    ask(&(struct call){.event = "push", .type = "application/x-www-form-urlencoded", .body = body},
        &answer);
    assert_int_equal(answer.verdict, SENDER_DELIVERY);
    assert_string_equal(answer.delivery.repository, "git.example.com/acme/config");
    assert_string_equal(answer.delivery.commit, COMMIT);
}

static void test_receiver_sender_github_forge_with_ssh_on_a_port_has_two_names(void **state)
{
    (void)state;
    static const char body[] = "{\"ref\":\"refs/tags/v1\",\"after\":\"" COMMIT "\",\"repository\":{"
                               "\"clone_url\":\"http://forge:3000/acme/config.git\","
                               "\"ssh_url\":\"ssh://git@forge:2222/acme/config.git\"}}";
    cleanup_sender_answer struct sender_answer answer;
    ask(&(struct call){.event = "push", .body = body}, &answer);
    assert_string_equal(answer.delivery.repository, "forge:3000/acme/config");
    assert_string_equal(answer.delivery.other_repository, "forge:2222/acme/config");
    assert_string_equal(answer.delivery.ref, "refs/tags/v1");
}

#define DIGEST "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define NOTICE(repository, tag, digest, issued)                               \
    "{\"repository\":\"" repository "\",\"tag\":" tag ",\"digest\":\"" digest \
    "\",\"requestId\":\"r-1\",\"issuedAt\":\"" issued "\"}"
#define GOOD_REPOSITORY "oci://Registry.example.com/acme/shop"

static void test_receiver_sender_sealift_notice(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        int status; // 0 = a delivery
        const char *text;
    } rows[] = {
        {NOTICE(GOOD_REPOSITORY, "\"prod\"", DIGEST, "2026-01-09T23:06:40Z"), 0, ""},
        {NOTICE(GOOD_REPOSITORY, "\"prod\"", DIGEST, "2026-01-09T23:11:40Z"), 0, ""},
        {NOTICE(GOOD_REPOSITORY, "\"prod\"", DIGEST, "2026-01-09T23:01:40Z"), 0, ""},
        {NOTICE(GOOD_REPOSITORY, "\"prod\"", DIGEST, "2026-01-09T23:11:41Z"), 400, "5 minutes"},
        {NOTICE(GOOD_REPOSITORY, "\"prod\"", DIGEST, "2026-01-09T23:01:39Z"), 400, "5 minutes"},
        {NOTICE(GOOD_REPOSITORY, "\"prod\"", DIGEST, "yesterday"), 400, "issuedAt"},
        {NOTICE(GOOD_REPOSITORY, "\"-x\"", DIGEST, "2026-01-09T23:06:40Z"), 400, "tag"},
        {NOTICE(GOOD_REPOSITORY, "7", DIGEST, "2026-01-09T23:06:40Z"), 400, "tag"},
        {NOTICE(GOOD_REPOSITORY, "\"prod\"", "sha256:0", "2026-01-09T23:06:40Z"), 400, "digest"},
        {NOTICE("", "\"prod\"", DIGEST, "2026-01-09T23:06:40Z"), 400, "repository"},
        {"{\"issuedAt\":\"2026-01-09T23:06:40Z\",\"digest\":\"" DIGEST "\"}", 400, "repository"},
        {"[]", 400, "notice"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        cleanup_sender_answer struct sender_answer answer;
        ask(&(struct call){.provider = "sealift", .body = rows[i].body}, &answer);
        if (answer.status != rows[i].status || strstr(answer.text, rows[i].text) == NULL)
            fail_msg("row %zu: status %d, \"%s\"", i, answer.status, answer.text);
        if (rows[i].status != 0)
            continue;
        assert_string_equal(answer.delivery.repository, "registry.example.com/acme/shop");
        assert_string_equal(answer.delivery.tag, "prod");
        assert_string_equal(answer.delivery.digest, DIGEST);
        assert_string_equal(answer.delivery.id, "r-1");
    }
    cleanup_sender_answer struct sender_answer answer;
    ask(&(struct call){.provider = "sealift", .body = rows[0].body, .signature = "sha256=00"},
        &answer);
    assert_int_equal(answer.status, 401);
}

static void test_receiver_sender_make_an_id_where_none_may_be_used(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "a b", "a\nb", "\"", "a\\b", "\xc3\xa4"};
    for (size_t i = 0; i < ARRAY_LENGTH(bad); i++) {
        cleanup_free char *id = sender_id(bad[i]);
        assert_int_equal(strlen(id), 32);
    }
    cleanup_free char *a = sender_id(NULL), *b = sender_id(NULL), *kept = sender_id("r-1:2/3");
    assert_string_not_equal(a, b);
    assert_string_equal(kept, "r-1:2/3");
}

// The event of "github__check_run__created.payload.json" is check_run.
static void event_of(const char *file, char ret_event[64])
{
    const char *start = strstr(file, "__");
    start = start != NULL ? start + 2 : file;
    snprintf(ret_event, 64, "%.*s", (int)strcspn(start, "."), start);
    char *end = strstr(ret_event, "__");
    if (end != NULL)
        *end = '\0';
}

static void run_recorded(const char *path, const char *file, int *deliveries)
{
    cleanup_free char *body = NULL;
    size_t size;
    assert_int_equal(file_read(path, 25 << 20, &body, &size, NULL), 0);
    char event[64];
    event_of(file, event);
    if (strncmp(file, "github__", 8) == 0) {
        cleanup_sender_answer struct sender_answer answer;
        ask(&(struct call){.event = event, .type = "application/json", .body = body, .size = size},
            &answer);
        if (answer.verdict == SENDER_REFUSED)
            fail_msg("%s was refused: %s", file, answer.text);
        assert_true(answer.verdict == SENDER_IGNORED || strcmp(event, "push") == 0);
        *deliveries += answer.verdict == SENDER_DELIVERY;
    }
    // And as what it is not: every payload as a push, and as a notice.
    cleanup_sender_answer struct sender_answer as_push, as_notice;
    ask(&(struct call){.event = "push", .body = body, .size = size}, &as_push);
    ask(&(struct call){.provider = "sealift", .body = body, .size = size}, &as_notice);
    assert_int_equal(as_notice.verdict, SENDER_REFUSED);
}

static void test_receiver_sender_read_recorded_payloads(void **state)
{
    (void)state;
    const char *root = getenv("SEALIFT_CONFORMANCE");
    char *dir = path_join(root != NULL ? root : TEST_CONFORMANCE, "webhooks");
    DIR *folder = opendir(dir);
    if (folder == NULL) {
        print_message("skipped: the recorded payloads are not at %s\n", dir);
        free(dir); // skip() leaves by longjmp
        skip();
    }
    int files = 0, deliveries = 0;
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        if (entry->d_name[0] == '.')
            continue;
        cleanup_free char *path = path_join(dir, entry->d_name);
        run_recorded(path, entry->d_name, &deliveries);
        files++;
    }
    closedir(folder);
    free(dir);
    print_message("%d recorded payloads, %d of them pushes to act on\n", files, deliveries);
    assert_true(files > 100 && deliveries > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_receiver_sender_judge_requests),
        cmocka_unit_test(test_receiver_sender_github_push_names_repository_ref_and_commit),
        cmocka_unit_test(test_receiver_sender_github_form_is_the_same_as_json),
        cmocka_unit_test(test_receiver_sender_github_forge_with_ssh_on_a_port_has_two_names),
        cmocka_unit_test(test_receiver_sender_sealift_notice),
        cmocka_unit_test(test_receiver_sender_make_an_id_where_none_may_be_used),
        cmocka_unit_test(test_receiver_sender_read_recorded_payloads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
