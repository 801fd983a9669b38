#include "oci/sign/notation_policy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/memory.h"
#include "fake_notation.h"
#include "oci/sign/notation_name.h"

#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#define STORES "\"trustStores\":[\"ca:acme\"]"
#define PEOPLE "\"trustedIdentities\":[\"x509.subject: C=US, ST=WA, O=acme\"]"
#define STRICT "\"signatureVerification\":{\"level\":\"strict\"}"
#define SCOPE "\"registryScopes\":[\"*\"]"
#define ONE(inside) "{\"version\":\"1.0\",\"trustPolicies\":[{\"name\":\"a\"," inside "}]}"
#define LEVEL(inside) ONE(SCOPE "," STORES "," PEOPLE ",\"signatureVerification\":{" inside "}")
#define SCOPES(inside) ONE("\"registryScopes\":[" inside "]," STORES "," PEOPLE "," STRICT)
#define TWO(first, second)                                                             \
    "{\"version\":\"1.0\",\"trustPolicies\":[{" first "," STORES "," PEOPLE "," STRICT \
    "},{" second "," STORES "," PEOPLE "," STRICT "}]}"

static void expect(const char *name, int result, const struct error *err, const char *wrong)
{
    if (wrong == NULL && result == 0)
        return;
    if (wrong == NULL || result == 0 || strstr(error_message(err), wrong) == NULL)
        fail_msg("%s: %s", name, result == 0 ? "taken" : error_message(err));
}

static const struct {
    const char *text;
    const char *wrong;
} documents[] = {
    {ONE(SCOPE "," STORES "," PEOPLE "," STRICT), NULL},
    {ONE(SCOPE ",\"signatureVerification\":{\"level\":\"skip\"}"), NULL},
    {ONE(SCOPE ",\"signatureVerification\":{\"level\":\"skip\",\"override\":{}}"), NULL},
    {LEVEL("\"level\":\"audit\",\"override\":{\"revocation\":\"skip\",\"expiry\":\"enforce\"}"),
     NULL},
    {LEVEL("\"level\":\"strict\",\"verifyTimestamp\":\"afterCertExpiry\""), NULL},
    {TWO("\"name\":\"a\",\"registryScopes\":[\"r.example/a/b\"]",
         "\"name\":\"b\",\"registryScopes\":[\"r.example/a/c\"]"),
     NULL},
    {"[]", "policy.json"},
    {"{}", "version"},
    {"{\"version\":\"1.0\"}", "no list of 1 to"},
    {"{\"version\":\"1.0\",\"trustPolicies\":[]}", "no list of 1 to"},
    {"{\"version\":\"1.0\",\"trustPolicies\":[1]}", "a statement"},
    {"{\"version\":\"1.1\",\"trustPolicies\":[]}", "\"1.1\" is not known"},
    {"{\"version\":\"1.0\",\"version\":\"1.0\"}", "duplicate"},
    {"{\"version\":\"1.0\",\"more\":1}", "unknown member"},
    {"{\"version\":\"1.0\",\"trustPolicies\":[{}]}", "name is missing"},
    {ONE(SCOPE "," STORES "," PEOPLE "," STRICT ",\"more\":1"), "unknown member"},
    {ONE(SCOPE "," PEOPLE "," STRICT), "needs trustStores"},
    {ONE(SCOPE "," STORES "," STRICT), "needs trustStores and trustedIdentities"},
    {ONE(STORES "," PEOPLE "," STRICT), "registryScopes is empty"},
    {ONE(SCOPE "," STORES "," PEOPLE), "signatureVerification is missing"},
    {ONE(SCOPE "," STORES ",\"trustedIdentities\":1," STRICT), "is no list"},
    {ONE("\"registryScopes\":1," STORES "," PEOPLE "," STRICT), "is no list"},
    {ONE(SCOPE ",\"trustStores\":{}," PEOPLE "," STRICT), "is no list"},
    {ONE(SCOPE ",\"trustStores\":[1]," PEOPLE "," STRICT), "is no text"},
    {ONE(SCOPE ",\"trustStores\":[\"\"]," PEOPLE "," STRICT), "is no text"},
    {ONE(SCOPE ",\"trustStores\":[\"acme\"]," PEOPLE "," STRICT), "is no trust store"},
    {ONE(SCOPE ",\"trustStores\":[\"ca:\"]," PEOPLE "," STRICT), "is no trust store"},
    {ONE(SCOPE ",\"trustStores\":[\"cx:a\"]," PEOPLE "," STRICT), "is no trust store"},
    {ONE(SCOPE ",\"trustStores\":[\"ca:..\"]," PEOPLE "," STRICT), "is no trust store"},
    {ONE(SCOPE ",\"trustStores\":[\"ca:.\"]," PEOPLE "," STRICT), "is no trust store"},
    {ONE(SCOPE ",\"trustStores\":[\"ca:a_b-c.9\"]," PEOPLE "," STRICT), NULL},
    {ONE(SCOPE ",\"trustStores\":[\"xyz:a\"]," PEOPLE "," STRICT), "is no trust store"},
    {ONE(SCOPE ",\"trustStores\":[\"ca:a/b\"]," PEOPLE "," STRICT), "is no trust store"},
    {ONE(SCOPE "," STORES ",\"signatureVerification\":{\"level\":\"skip\"}"), "takes neither"},
    {ONE(SCOPE "," PEOPLE ",\"signatureVerification\":{\"level\":\"skip\"}"), "takes neither"},
    {ONE(SCOPE ",\"signatureVerification\":{\"level\":\"skip\",\"override\":{\"expiry\":\"log\"}}"),
     "takes no override"},
    {LEVEL("\"level\":\"lax\""), "none of strict"},
    {LEVEL("\"level\":1"), "level is missing"},
    {LEVEL("\"level\":\"strict\",\"more\":1"), "unknown member"},
    {LEVEL("\"level\":\"strict\",\"verifyTimestamp\":\"never\""), "verifyTimestamp is neither"},
    {LEVEL("\"level\":\"strict\",\"verifyTimestamp\":1"), "verifyTimestamp is neither"},
    {LEVEL("\"level\":\"strict\",\"override\":[]"), "override is no object"},
    {LEVEL("\"level\":\"strict\",\"override\":{\"integrity\":\"log\"}"), "it can name"},
    {LEVEL("\"level\":\"strict\",\"override\":{\"expiry\":\"skip\"}"), "neither enforce nor log"},
    {LEVEL("\"level\":\"strict\",\"override\":{\"expiry\":1}"), "neither enforce nor log"},
    {LEVEL("\"level\":\"strict\",\"override\":{\"revocation\":\"x\"}"), "nor skip"},
    {SCOPES("\"*\",\"r.example/a\""), "stands alone"},
    {SCOPES("\"r.example/a/*\""), "is no repository"},
    {SCOPES("\"r.example\""), "is no repository"},
    {SCOPES("\"https://r.example/a\""), "is no repository"},
    {SCOPES("\"r.example/a:tag\""), "is no repository"},
    {SCOPES("\"r.example/a@sha256:00\""), "is no repository"},
    {SCOPES("\"r.example/a@" FAKE_DIGEST "\""), "is no repository"},
    {SCOPES("\"r.example/A b\""), "is no repository"},
    {TWO("\"name\":\"a\",\"registryScopes\":[\"r.example/a\"]",
         "\"name\":\"a\",\"registryScopes\":[\"r.example/b\"]"),
     "two statements are called"},
    {TWO("\"name\":\"a\",\"registryScopes\":[\"r.example/a\"]",
         "\"name\":\"b\",\"registryScopes\":[\"r.example/b\",\"r.example/a\"]"),
     "is in two statements"},
    {TWO("\"name\":\"a\",\"registryScopes\":[\"*\"]", "\"name\":\"b\",\"registryScopes\":[\"*\"]"),
     "is in two statements"},
};

static void test_documents(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(documents); i++) {
        cleanup_notation_policy struct notation_policy policy = {0};
        cleanup_error struct error err = {0};
        const char *text = documents[i].text;
        expect(text, notation_policy_parse(text, strlen(text), "policy.json", &policy, &err), &err,
               documents[i].wrong);
    }
}

static void test_documents_that_are_too_large(void **state)
{
    (void)state;
    cleanup_notation_policy struct notation_policy policy = {0};
    cleanup_error struct error err = {0};
    cleanup_free char *large = xcalloc(NOTATION_MAX_POLICY_BYTES + 1, 1);
    expect("bytes",
           notation_policy_parse(large, NOTATION_MAX_POLICY_BYTES + 1, "it", &policy, &err), &err,
           "at most");
    cleanup_strbuf struct strbuf scopes;
    strbuf_init(&scopes, 1 << 16);
    strbuf_addstr(&scopes,
                  "{\"version\":\"1.0\",\"trustPolicies\":[{\"name\":\"a\",\"registryScopes\":[");
    for (int i = 0; i <= NOTATION_MAX_SCOPES; i++)
        strbuf_addf(&scopes, "%s\"r.example/a%d\"", i > 0 ? "," : "", i);
    strbuf_addstr(&scopes, "]}]}");
    expect("scopes", notation_policy_parse(scopes.data, scopes.len, "it", &policy, &err), &err,
           "more than 256");
}

static void test_documents_of_too_many_statements(void **state)
{
    (void)state;
    cleanup_notation_policy struct notation_policy policy = {0};
    cleanup_notation_policy struct notation_policy skipping = {0};
    cleanup_notation_trust struct notation_trust *trust = notation_trust_new();
    const struct notation_statement *found = NULL;
    cleanup_error struct error err = {0};
    cleanup_strbuf struct strbuf text;
    strbuf_init(&text, 1 << 16);
    strbuf_addstr(&text, "{\"version\":\"1.0\",\"trustPolicies\":[{}");
    for (int i = 0; i < NOTATION_MAX_STATEMENTS; i++)
        strbuf_addstr(&text, ",{}");
    strbuf_addstr(&text, "]}");
    expect("many", notation_policy_parse(text.data, text.len, "it", &policy, &err), &err,
           "no list of 1 to 256");
    expect("none", notation_policy_find(&policy, "r.example/a", &found, &err), &err,
           "no statement");
    static const char skip[] = ONE(SCOPE ",\"signatureVerification\":{\"level\":\"skip\"}");
    assert_int_equal(notation_policy_parse(skip, strlen(skip), "it", &skipping, NULL), 0);
    assert_int_equal(notation_policy_find(&skipping, "r.example/a", &found, NULL), 0);
    assert_true(found->skip);
    assert_int_equal(notation_statement_fill(found, trust, NULL), 0);
    assert_int_equal(trust->actions[NOTATION_AUTHENTICITY], NOTATION_SKIP);
    // A name of nothing is in all.
    struct notation_name nothing = {0};
    assert_true(notation_name_within(&nothing, &nothing));
}

static void test_the_statement_for_a_repository(void **state)
{
    (void)state;
    static const char text[] =
        TWO("\"name\":\"rest\",\"registryScopes\":[\"*\"]",
            "\"name\":\"shop\",\"registryScopes\":[\"r.example/acme/shop\",\"docker.io/a\"]");
    static const char narrow[] =
        "{\"version\":\"1.0\",\"trustPolicies\":[{\"name\":\"a\",\"registryScopes\":[\"r.example/"
        "a\"]," STORES "," PEOPLE ",\"signatureVerification\":{\"level\":\"permissive\","
        "\"override\":{\"expiry\":\"enforce\"},\"verifyTimestamp\":\"afterCertExpiry\"}}]}";
    cleanup_notation_policy struct notation_policy policy = {0};
    cleanup_notation_policy struct notation_policy other = {0};
    cleanup_notation_trust struct notation_trust *trust = notation_trust_new();
    const struct notation_statement *found = NULL;
    cleanup_error struct error err = {0};
    assert_int_equal(notation_policy_parse(text, strlen(text), "it", &policy, NULL), 0);
    assert_int_equal(notation_policy_find(&policy, "r.example/acme/shop", &found, NULL), 0);
    assert_string_equal(found->name, "shop");
    assert_int_equal(notation_policy_find(&policy, "index.docker.io/library/a", &found, NULL), 0);
    assert_int_equal(notation_policy_find(&policy, "r.example/acme/blog", &found, NULL), 0);
    assert_string_equal(found->name, "rest");
    assert_int_equal(notation_policy_parse(narrow, strlen(narrow), "it", &other, NULL), 0);
    expect("none", notation_policy_find(&other, "r.example/b", &found, &err), &err, "no statement");
    assert_int_equal(err.code, ERROR_NOT_FOUND);
    assert_int_equal(notation_policy_find(&other, "r.example/a", &found, NULL), 0);
    assert_int_equal(notation_statement_fill(found, trust, NULL), 0);
    assert_int_equal(trust->actions[NOTATION_AUTHENTICITY], NOTATION_ENFORCE);
    assert_int_equal(trust->actions[NOTATION_EXPIRY], NOTATION_ENFORCE);
    assert_int_equal(trust->actions[NOTATION_REVOCATION], NOTATION_LOG);
    assert_true(trust->stamp_after_expiry);
    expect("again", notation_statement_fill(found, trust, &err), &err, "overlap");
}

static const struct {
    const char *text;
    const char *wrong;
} names[] = {
    {"C=US, ST=WA, O=acme", NULL},
    {" C = US ,S=WA,  O=acme corp , CN = x ", NULL},
    {"c=US,st=WA,o=a\\, b\\+c\\\\", NULL},
    {"C=US,ST=WA,O=\\c3\\84", NULL},
    {"C=US,ST=WA,O=\\ a\\ ", NULL},
    {"1.2.3.4=a,C=US,ST=WA,O=b", NULL},
    {"", "no distinguished name"},
    {"C", "no distinguished name"},
    {"=US", "no distinguished name"},
    {" =US", "no distinguished name"},
    {"C=", "no distinguished name"},
    {"C= ", "no distinguished name"},
    {"C=US,", "no distinguished name"},
    {"C=US,,ST=WA", "no distinguished name"},
    {"C_D=US", "no distinguished name"},
    {"C=US+ST=WA,O=a", "no distinguished name"},
    {"C=US;ST=WA", "no distinguished name"},
    {"C=US,ST=WA,O=#0401", "no distinguished name"},
    {"C=US,ST=WA,O=\"a\"", "no distinguished name"},
    {"C=US,ST=WA,O=<a>", "no distinguished name"},
    {"C=US,ST=WA,O=a\\", "no distinguished name"},
    {"C=US,ST=WA,O=a\\z", "no distinguished name"},
    {"C=US,ST=WA,O=a\\4z", "no distinguished name"},
    {"a-b=x,C=US,ST=WA,O=a", NULL},
    {"C=US,ST=WA,O=a\\4", "no distinguished name"},
    {"C=US,ST=WA,O=a\\00", "no distinguished name"},
    {"C=US,ST=WA,O=a,O=b", "the part O twice"},
    {"C=US,ST=WA,S=WA,O=a", "the part ST twice"},
    {"ST=WA,O=a", "no part C"},
    {"C=US,O=a", "no part ST"},
    {"C=US,ST=WA", "no part O"},
};

static void test_names(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
        struct notation_name name = {0};
        cleanup_error struct error err = {0};
        expect(names[i].text, notation_name_parse(names[i].text, &name, &err), &err,
               names[i].wrong);
        notation_name_release(&name);
    }
    cleanup_strbuf struct strbuf text;
    struct notation_name name = {0};
    cleanup_error struct error err = {0};
    strbuf_init(&text, 1 << 16);
    for (int i = 0; i < 40; i++)
        strbuf_addf(&text, "%sA%d=x", i > 0 ? "," : "", i);
    expect("parts", notation_name_parse(text.data, &name, &err), &err, "more than 32 parts");
    for (int i = 0; i < 1024; i++)
        strbuf_addstr(&text, "x");
    expect("bytes", notation_name_parse(text.data, &name, &err), &err, "more than 1024 bytes");
}

static void test_names_of_certificates(void **state)
{
    (void)state;
    static const struct {
        const char *subject;
        const char *name;
        bool matches;
    } rows[] = {
        {"C=US/ST=WA/O=acme/CN=x", "C=US, ST=WA, O=acme", true},
        {"C=US/ST=WA/O=acme/CN=x", "CN=x, O=acme, S=WA, C=US", true},
        {"C=US/ST=WA/O=acme, inc/CN=x", "C=US, ST=WA, O=acme\\, inc", true},
        {"C=US/ST=WA/O=Äpfel", "C=US, ST=WA, O=\\c3\\84pfel", true},
        {"C=US/ST=WA/O=a/street=s/postalCode=p/serialNumber=1/emailAddress=m/UID=u/DC=d",
         "C=US,ST=WA,O=a,STREET=s,POSTALCODE=p,SERIALNUMBER=1,EMAILADDRESS=m,UID=u,DC=d", true},
        {"C=US/ST=WA/O=acme", "C=US, ST=WA, O=ACME", false},
        {"C=US/ST=WA/O=acme/1.2.3.4.5.6=z", "C=US, ST=WA, O=acme", true},
        {"C=US/ST=WA/O=acme2", "C=US, ST=WA, O=acme", false},
        {"C=US/ST=WA/O=acme", "C=US, ST=WA, O=acme, CN=x", false},
        {"C=US/ST=WA/O=acme/O=other", "C=US, ST=WA, O=acme", false},
        {"C=US/ST=WA/O=other/O=acme", "C=US, ST=WA, O=acme", false},
        {"C=US/ST=WA/O=acme", "C=US, ST=WA, O=acme, STREET=x", false},
        {"C=US/ST=WA/O=acme", "C=US, ST=WA, O=acme, 1.2.3=x", false},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        cleanup_fake_signer struct fake_signer leaf = {0};
        struct notation_name name;
        fake_certify(&(struct fake_certificate){.subject = rows[i].subject}, NULL, &leaf);
        assert_int_equal(notation_name_parse(rows[i].name, &name, NULL), 0);
        if (notation_name_matches(&name, leaf.cert) != rows[i].matches)
            fail_msg("%s and %s", rows[i].subject, rows[i].name);
        notation_name_release(&name);
    }
}

static void test_names_of_stores(void **state)
{
    (void)state;
    enum notation_store_type type;
    const char *name = NULL;
    cleanup_free char *longest = xcalloc(300, 1);
    memset(longest, 'a', 260);
    memcpy(longest, "ca:", 3);
    assert_int_equal(notation_store_name(longest, &type, &name, NULL), -1);
    longest[256] = '\0';
    assert_int_equal(notation_store_name(longest, &type, &name, NULL), 0);
    assert_int_equal(notation_store_name("tsa:x", &type, &name, NULL), 0);
    assert_int_equal(type, NOTATION_TSA);
    assert_string_equal(name, "x");
    assert_string_equal(notation_store_type_name(NOTATION_AUTHORITY), "signingAuthority");
}

static void test_identities(void **state)
{
    (void)state;
    static const char *const first = "x509.subject: C=US, ST=WA, O=acme, CN=a";
    static const struct {
        const char *text;
        const char *wrong;
    } rows[] = {
        {"x509.subject:C=US,ST=WA,O=acme,CN=b", NULL},
        {"x509.subject: C=US, ST=WA, O=acme", "overlap"},
        {"x509.subject: C=US, ST=WA, O=acme, CN=a, OU=b", "overlap"},
        {"x509.subject: C=US", "no part ST"},
        {"acme", "is no identity"},
        {"*", "no other identity"},
    };
    cleanup_notation_trust struct notation_trust *trust = notation_trust_new();
    assert_int_equal(notation_trust_add_identity(trust, first, NULL), 0);
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        cleanup_error struct error err = {0};
        expect(rows[i].text, notation_trust_add_identity(trust, rows[i].text, &err), &err,
               rows[i].wrong);
    }
    cleanup_notation_trust struct notation_trust *open = notation_trust_new();
    cleanup_error struct error err = {0};
    assert_int_equal(notation_trust_add_identity(open, "*", NULL), 0);
    expect("beside", notation_trust_add_identity(open, first, &err), &err, "no other identity");
    cleanup_notation_trust struct notation_trust *many = notation_trust_new();
    for (int i = 0; i < NOTATION_MAX_IDENTITIES; i++) {
        cleanup_free char *text = xasprintf("x509.subject:C=US,ST=WA,O=acme,CN=%d", i);
        assert_int_equal(notation_trust_add_identity(many, text, NULL), 0);
    }
    expect("many", notation_trust_add_identity(many, first, &err), &err, "more than 64");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_documents),
        cmocka_unit_test(test_documents_that_are_too_large),
        cmocka_unit_test(test_documents_of_too_many_statements),
        cmocka_unit_test(test_the_statement_for_a_repository),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_names_of_certificates),
        cmocka_unit_test(test_names_of_stores),
        cmocka_unit_test(test_identities),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
