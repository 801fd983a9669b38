#include "render/git/gitproto.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

#define OID_A "6cef53956259096f477cab61267edf154ac1b32d"
#define OID_B "a4a208f7e6e29bbd6f41eeb553f0ddba374471b5"

// Packets from a line of words: '|' stands between them, "<0>" to "<2>" are the special ones, "!"
// at a packet's start adds its bytes as they are.
static void build(struct strbuf *out, const char *packets)
{
    strbuf_init(out, 100000);
    for (const char *at = packets; *at != '\0';) {
        size_t size = strcspn(at, "|");
        if (size == 3 && at[0] == '<' && at[2] == '>')
            strbuf_addf(out, "000%c", at[1]);
        else if (at[0] == '!')
            strbuf_add(out, at + 1, size - 1);
        else
            strbuf_addf(out, "%04x%.*s", (unsigned)size + 4, (int)size, at);
        at += size + (at[size] == '|');
    }
}

// As git 2.39 sends it over HTTP.
#define ADVERT                                                                        \
    "# service=git-upload-pack\n|<0>|version 2\n|agent=git/2.39.5\n|ls-refs=unborn\n" \
    "|fetch=shallow wait-for-done filter\n|server-option\n|object-format=sha1\n|<0>"

typedef int feed(void *parser, const void *data, size_t size, struct error *err);

// Feeds in pieces of `step` bytes, so that every packet is cut everywhere.
static int feed_in_steps(feed *feed_one, void *parser, const char *data, size_t size, size_t step,
                         struct error *err)
{
    for (size_t at = 0; at < size; at += step) {
        size_t piece = size - at < step ? size - at : step;
        if (feed_one(parser, data + at, piece, err) < 0)
            return -1;
    }
    return 0;
}

static int feed_advert(void *parser, const void *data, size_t size, struct error *err)
{
    return gitproto_advert_feed(parser, data, size, err);
}

static int feed_refs(void *parser, const void *data, size_t size, struct error *err)
{
    return gitproto_ls_refs_feed(parser, data, size, err);
}

static int feed_fetch(void *parser, const void *data, size_t size, struct error *err)
{
    return gitproto_fetch_feed(parser, data, size, err);
}

static void test_gitproto_reads_capabilities(void **state)
{
    (void)state;
    cleanup_strbuf struct strbuf bytes;
    build(&bytes, ADVERT);
    for (size_t step = 1; step < 70; step++) {
        struct gitproto_advert advert;
        gitproto_advert_init(&advert, true);
        assert_int_equal(feed_in_steps(feed_advert, &advert, bytes.data, bytes.len, step, NULL), 0);
        assert_true(gitproto_advert_done(&advert));
        assert_true(advert.caps.shallow);
        assert_true(advert.caps.filter);
        gitproto_advert_release(&advert);
    }
}

static void check_error(const struct error *err, enum error_code code, const char *part)
{
    assert_int_equal(err->code, code);
    if (strstr(err->message, part) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", err->message, part);
}

static void check_advert_error(bool http, const char *packets, enum error_code code,
                               const char *part)
{
    cleanup_strbuf struct strbuf bytes;
    build(&bytes, packets);
    struct gitproto_advert advert;
    gitproto_advert_init(&advert, http);
    cleanup_error struct error err = {0};
    assert_int_equal(feed_in_steps(feed_advert, &advert, bytes.data, bytes.len, 7, &err), -1);
    check_error(&err, code, part);
    gitproto_advert_release(&advert);
}

static void test_gitproto_names_what_is_wrong_with_a_server(void **state)
{
    (void)state;
    check_advert_error(true, "!<!DOCTYPE html>", ERROR_INVALID, "not git's protocol");
    check_advert_error(true, "!fff1", ERROR_INVALID, "claims 65521 bytes");
    check_advert_error(true, "!0003", ERROR_INVALID, "claims 3 bytes");
    check_advert_error(true, "# service=git-upload-pack\n|<0>|" OID_A " HEAD\n|<0>", ERROR_INVALID,
                       "version 2");
    check_advert_error(false, OID_A " refs/heads/main\n|<0>", ERROR_INVALID, "version 2");
    check_advert_error(false, "version 2\n|object-format=sha256\n|<0>", ERROR_INVALID, "sha256");
    check_advert_error(false, "version 2\n|<0>", ERROR_INVALID, "without ls-refs");
    check_advert_error(false, ADVERT, ERROR_INVALID, "version 2");
    check_advert_error(false, "version 2\n|ls-refs\n|fetch\n|<0>|<0>", ERROR_INVALID, "more after");
    check_advert_error(false, "ERR access denied or not exported", ERROR_DENIED, "access denied");
    check_advert_error(false, "ERR Repository not found\n", ERROR_NOT_FOUND, "not found");
}

static void test_gitproto_reads_refs(void **state)
{
    (void)state;
    cleanup_strbuf struct strbuf bytes;
    build(&bytes, OID_A " refs/heads/main\n|" OID_B " refs/heads/main-2\n|" OID_B
                        " refs/heads/main/tag symref-target:refs/x peeled:" OID_A "\n|" OID_A
                        " refs/other\n|<0>");
    for (size_t step = 1; step < 130; step += 3) {
        struct gitproto_ls_refs answer;
        gitproto_ls_refs_init(&answer, "refs/heads/main");
        assert_int_equal(feed_in_steps(feed_refs, &answer, bytes.data, bytes.len, step, NULL), 0);
        assert_true(gitproto_ls_refs_done(&answer));
        assert_int_equal(answer.refs.len, 3);
        struct gitproto_ref *ref = vec_at(&answer.refs, 2);
        assert_string_equal(ref->name, "refs/heads/main/tag");
        assert_string_equal(ref->oid, OID_B);
        assert_string_equal(ref->peeled, OID_A);
        assert_int_equal(gitproto_ls_refs_feed(&answer, "0000", 4, NULL), -1);
        gitproto_ls_refs_release(&answer);
    }
}

static void test_gitproto_refuses_refs_that_are_none(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "<1>",
        "refs/heads/main\n",
        OID_A "\n",
        OID_A " \n",
        OID_A "refs/heads/m\n",
        "6CEF53956259096F477CAB61267EDF154AC1B32D refs/heads/m\n",
        OID_A " refs/heads/m peeled:6cef53956259096f477cab61267\n",
        "ERR no way",
    };
    for (size_t i = 0; i < ARRAY_LENGTH(bad); i++) {
        cleanup_strbuf struct strbuf bytes;
        build(&bytes, bad[i]);
        struct gitproto_ls_refs answer;
        gitproto_ls_refs_init(&answer, "refs/heads/m");
        if (gitproto_ls_refs_feed(&answer, bytes.data, bytes.len, NULL) == 0)
            fail_msg("\"%s\" was taken", bad[i]);
        gitproto_ls_refs_release(&answer);
    }
}

static int take_pack(void *arg, const void *data, size_t size, struct error *err)
{
    (void)err;
    return strbuf_add(arg, data, size);
}

static void test_gitproto_takes_the_pack_out_of_its_band(void **state)
{
    (void)state;
    cleanup_strbuf struct strbuf bytes;
    build(&bytes, "shallow-info\n|shallow " OID_A "\n|<1>|packfile\n|\001PACK|\002Counting..|"
                  "\001|\001rest\n|<0>");
    for (size_t step = 1; step < 60; step++) {
        cleanup_strbuf struct strbuf pack;
        strbuf_init(&pack, 100);
        struct gitproto_fetch answer;
        gitproto_fetch_init(&answer, take_pack, &pack);
        assert_int_equal(feed_in_steps(feed_fetch, &answer, bytes.data, bytes.len, step, NULL), 0);
        assert_true(gitproto_fetch_done(&answer));
        assert_string_equal(pack.data, "PACKrest\n");
        gitproto_fetch_release(&answer);
    }
}

static void test_gitproto_tells_why_a_fetch_failed(void **state)
{
    (void)state;
    static const struct {
        const char *packets;
        enum error_code code;
        const char *part;
    } cases[] = {
        {"ERR upload-pack: not our ref " OID_A, ERROR_CONFLICT, "the ref moved"},
        {"packfile\n|\003out of memory\n\n", ERROR_UNAVAILABLE, "server says: out of memory"},
        {"<0>", ERROR_INVALID, "has no pack"},
        {"packfile\n|<1>", ERROR_INVALID, "divider"},
        {"packfile\n|\007", ERROR_INVALID, "side band"},
        {"packfile\n|!0004", ERROR_INVALID, "empty packet"},
        {"packfile-uris\n", ERROR_INVALID, "unknown section"},
        {"packfile\n|<0>|<0>", ERROR_INVALID, "more after"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        cleanup_strbuf struct strbuf bytes;
        cleanup_strbuf struct strbuf pack;
        build(&bytes, cases[i].packets);
        strbuf_init(&pack, 100);
        struct gitproto_fetch answer;
        gitproto_fetch_init(&answer, take_pack, &pack);
        cleanup_error struct error err = {0};
        assert_int_equal(gitproto_fetch_feed(&answer, bytes.data, bytes.len, &err), -1);
        check_error(&err, cases[i].code, cases[i].part);
        gitproto_fetch_release(&answer);
    }
}

static void test_gitproto_knows_a_cut_answer(void **state)
{
    (void)state;
    cleanup_strbuf struct strbuf bytes;
    cleanup_strbuf struct strbuf pack;
    build(&bytes, "packfile\n|\001PACK....");
    strbuf_init(&pack, 100);
    struct gitproto_fetch answer;
    gitproto_fetch_init(&answer, take_pack, &pack);
    assert_int_equal(gitproto_fetch_feed(&answer, bytes.data, bytes.len - 2, NULL), 0);
    assert_false(gitproto_fetch_done(&answer));
    cleanup_error struct error err = {0};
    assert_int_equal(pktline_finish(&answer.reader, &err), -1);
    assert_int_equal(err.code, ERROR_UNAVAILABLE);
    gitproto_fetch_release(&answer);
}

static void test_gitproto_writes_requests(void **state)
{
    (void)state;
    cleanup_strbuf struct strbuf out;
    strbuf_init(&out, 10000);
    gitproto_ls_refs_request(&out, "refs/heads/main");
    assert_string_equal(out.data, "0014command=ls-refs\n0018agent=sealift/" SEALIFT_VERSION
                                  "\n0017object-format=sha1\n00010009peel\n"
                                  "001fref-prefix refs/heads/main\n0000");
    strbuf_reset(&out);
    struct gitproto_fetch_request request = {
        .want = OID_B, .have = OID_A, .have_is_shallow = true, .deepen_one = true, .thin = true};
    gitproto_fetch_write(&out, &request);
    const char *arguments = strstr(out.data, "0001") + 4;
    assert_string_equal(arguments, "000eofs-delta\n0010no-progress\n000ethin-pack\n"
                                   "0032want " OID_B "\n0035shallow " OID_A
                                   "\n000ddeepen 1\n0032have " OID_A "\n0009done\n0000");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gitproto_reads_capabilities),
        cmocka_unit_test(test_gitproto_names_what_is_wrong_with_a_server),
        cmocka_unit_test(test_gitproto_reads_refs),
        cmocka_unit_test(test_gitproto_refuses_refs_that_are_none),
        cmocka_unit_test(test_gitproto_takes_the_pack_out_of_its_band),
        cmocka_unit_test(test_gitproto_tells_why_a_fetch_failed),
        cmocka_unit_test(test_gitproto_knows_a_cut_answer),
        cmocka_unit_test(test_gitproto_writes_requests),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
