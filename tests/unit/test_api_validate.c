#include "api/kind.h"
#include "api/object.h"
#include "base/file.h"
#include "base/jval.h"
#include "base/memory.h"
#include "base/yamljson.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#define BUNDLE_HEAD                                                                             \
    "{apiVersion: sealift.dev/v1alpha1, kind: Bundle, metadata: {name: web, namespace: shop}, " \
    "spec: "
#define BUNDLE_GIT "source: {git: {url: https://git.example.com/a/b.git}}"
#define BUNDLE_REST \
    "artifact: {repository: oci://r.example.com/a/b, tags: [prod]}, sign: {secretRef: {name: k}}"
#define BUNDLE(more) BUNDLE_HEAD "{" BUNDLE_GIT ", " BUNDLE_REST more "}}"
#define SYNC_HEAD                                                                             \
    "{apiVersion: sealift.dev/v1alpha1, kind: Sync, metadata: {name: web, namespace: shop}, " \
    "spec: "
#define SYNC_DIR "target: {directory: {path: /srv/web}}"
#define SYNC(more) SYNC_HEAD "{bundleRef: {name: web}, " SYNC_DIR more "}}"
#define HOOK(spec) \
    "{apiVersion: sealift.dev/v1alpha1, kind: Hook, metadata: {name: h}, spec: " spec "}"
#define NOTATION                                                                           \
    "notation: {trustStores: [{name: 'ca:acme', secretRef: {name: ca}}, {name: 'tsa:t', "  \
    "secretRef: {name: tsa}}], trustedIdentities: ['x509.subject: C=US, ST=WA, O=acme'], " \
    "verifyTimestamp: afterCertExpiry, revocation: log, crls: {secretRef: {name: crls}}}"
#define POLICY(spec) \
    "{apiVersion: sealift.dev/v1alpha1, kind: TrustPolicy, metadata: {name: prod}, spec: " spec "}"
#define PACKAGER "{name: packager, attests: true, keys: [{name: p, secretRef: {name: p}}]}"

static json_t *parse(const char *yaml)
{
    json_t *object = NULL;
    cleanup_error struct error err = {0};
    if (yamljson_parse(yaml, strlen(yaml), "test", &object, &err) < 0)
        fail_msg("%s: %s", yaml, error_message(&err));
    return object;
}

static const char *const fine[] = {
    BUNDLE(""),
    BUNDLE(", exportTo: [a, b], suspend: true, interval: 30s, path: ./a/b, render: {type: Plain}"),
    BUNDLE(", notify: [{url: https://h.example/hook/1, secretRef: {name: h}}]"),
    BUNDLE_HEAD
    "{source: {git: {url: 'ssh://git@h.example/a/b', ref: {semver: '>=1.2 <2'}, history: "
    "Any, secretRef: {name: g}}}, artifact: {repository: 'oci-layout:///srv/l', identity: "
    "r.example/a, tags: [a, b], renew: 1h, allowSecrets: true}, sign: {secretRef: {name: "
    "k}}}}",
    SYNC(""),
    SYNC(", artifact: {secretRef: {name: pull}, certSecretRef: {name: ca}}"),
    SYNC(", prune: false, drift: Report, allowNamespaces: [x], path: ./y"),
    SYNC(", verify: {attests: false, keys: [{name: k, secretRef: {name: k}, notBefore: "
         "'2026-01-01T00:00:00Z', notAfter: '2027-01-01T00:00:00Z'}]}"),
    SYNC_HEAD "{artifact: {repository: oci://r.example/a, tag: prod, insecure: true}, " SYNC_DIR
              "}}",
    SYNC_HEAD "{artifact: {repository: oci://r.example/a, semver: 1.x, channel: prod}, " SYNC_DIR
              "}}",
    HOOK("{provider: github, secretRef: {name: h}, resources: [{kind: Bundle, name: web}]}"),
    HOOK("{provider: sealift, secretRef: {name: h}, selector: {matchLabels: {a: b}}}"),
    POLICY("{require: [" PACKAGER "]}"),
    POLICY("{require: [" PACKAGER ", {name: a, threshold: 2, " NOTATION "}]}"),
    POLICY("{require: [{name: a, anyRepository: true, " NOTATION "}]}"),
    POLICY(
        "{require: [{name: a, threshold: 2, keyless: [{issuer: 'https://i.example.com', subject: "
        "'https://git.example.com/**'}]}], trustedRoot: {secretRef: {name: root}}}"),
    POLICY("{match: {namespaces: {matchLabels: {env: prod}}, repositories: ['r.example/acme/*']}, "
           "require: [" PACKAGER "], source: {repository: https://g.example/a/b.git, refs: [main, "
           "release/*], paths: [apps/shop], channels: [prod]}, freshness: {maxAge: 720h, rollback: "
           "Deny}}"),
    "{apiVersion: v1, kind: Secret, metadata: {name: s}, data: {a: YQ==}, stringData: {b: c}}",
    "{apiVersion: v1, kind: ConfigMap, metadata: {name: s}, data: {a: b}}",
    "{apiVersion: v1, kind: Namespace, metadata: {name: s, labels: {env: prod}}}",
};

struct wrong {
    const char *yaml;
    const char *sentence;
};

static const struct wrong wrong_fields[] = {
    {BUNDLE(", interval: 5"),
     "Bundle shop/web: spec.interval: 5 is no duration; write it like 10m"},
    {BUNDLE(", interval: \"5\""),
     "Bundle shop/web: spec.interval: \"5\" is no duration; write it like 10m"},
    {BUNDLE(", interval: 1ms"),
     "Bundle shop/web: spec.interval: 1ms is too short; the least is 1s"},
    {BUNDLE(", timeout: 9h"), "Bundle shop/web: spec.timeout: 9h is too long; the most is 1h"},
    {BUNDLE(", artefact: {}"),
     "Bundle shop/web: spec.artefact is no field of Bundle; did you mean spec.artifact?"},
    {BUNDLE(", zzz: {}"), "Bundle shop/web: spec.zzz is no field of Bundle; there are suspend, "
                          "interval, timeout, source, "
                          "path, render, artifact, sign, rollback, exportTo, notify"},
    {BUNDLE(", render: {type: plain}"), "Bundle shop/web: spec.render.type: \"plain\" is none of "
                                        "Auto, Plain, Kustomize; did you mean Plain?"},
    {BUNDLE(", render: {type: Helm}"),
     "Bundle shop/web: spec.render.type: Helm is not built yet: this version renders no charts; "
     "commit the output of `helm template`"},
    {BUNDLE(", render: {substitute: {from: [../x]}}"),
     "Bundle shop/web: spec.render.substitute.from[0]: \"../x\" leaves the tree; write it without "
     ".., like ./apps/shop/prod"},
    {BUNDLE(", suspend: \"yes\""), "Bundle shop/web: spec.suspend: \"yes\" is no boolean; write it "
                                   "like true"},
    {BUNDLE(", exportTo: shop"),
     "Bundle shop/web: spec.exportTo: \"shop\" is no list; write it like [shop]"},
    {BUNDLE(", exportTo: [shop, shop]"),
     "Bundle shop/web: spec.exportTo: \"shop\" is there twice; leave one out"},
    {BUNDLE(", path: ../x"),
     "Bundle shop/web: spec.path: \"../x\" leaves the tree; write it without "
     ".., like ./apps/shop/prod"},
    {BUNDLE(", path: 1.10"),
     "Bundle shop/web: spec.path: 1.1 is a number, not a string; put it in quotes"},
    {BUNDLE_HEAD "{" BUNDLE_REST "}}",
     "Bundle shop/web: spec.source: is missing; write it like {git: "
     "{url: https://git.example.com/acme/config.git}}"},
    {BUNDLE_HEAD
     "{source: {git: {url: https://h.example/a, ref: {branch: main, tag: v1}}}, " BUNDLE_REST "}}",
     "Bundle shop/web: spec.source.git.ref: exactly one of branch, tag, semver and commit must be "
     "given"},
    {BUNDLE_HEAD "{source: {git: {url: 'https://u:hunter2@h.example/a'}}, " BUNDLE_REST "}}",
     "Bundle shop/web: spec.source.git.url: holds a password; take it out, put it into a Secret "
     "and "
     "name that in secretRef"},
    {BUNDLE_HEAD "{source: {git: {url: 'git@h.example:a/b.git'}}, " BUNDLE_REST "}}",
     "Bundle shop/web: spec.source.git.url: is in scp's form; write it like "
     "ssh://git@h.example/a/b.git"},
    {BUNDLE_HEAD "{source: {git: {url: 'https://h.example/a', verify: {}}}, " BUNDLE_REST "}}",
     "Bundle shop/web: spec.source.git.verify is not built yet: commits are taken unverified; "
     "leave "
     "it out, and protect the branch at the forge"},
    {BUNDLE_HEAD "{" BUNDLE_GIT ", artifact: {repository: 'r.example/a', tags: [prod]}, sign: "
                 "{secretRef: {name: k}}}}",
     "Bundle shop/web: spec.artifact.repository: needs its scheme; write it like "
     "oci://r.example/a"},
    {BUNDLE_HEAD "{" BUNDLE_GIT ", artifact: {repository: 'oci://r.example/a:v1', tags: [prod]}, "
                 "sign: {secretRef: {name: k}}}}",
     "Bundle shop/web: spec.artifact.repository: \"oci://r.example/a:v1\" names a tag or digest; a "
     "repository stands without one, it has its own field"},
    {BUNDLE_HEAD "{" BUNDLE_GIT ", artifact: {repository: 'oci://r.example/a', tags: []}, sign: "
                 "{secretRef: {name: k}}}}",
     "Bundle shop/web: spec.artifact.tags: needs at least 1 item; write it like [prod]"},
    {BUNDLE_HEAD "{" BUNDLE_GIT
                 ", artifact: {repository: 'oci://r.example/a', identity: r.example/b, "
                 "tags: [a]}, sign: {secretRef: {name: k}}}}",
     "Bundle shop/web: spec.artifact: identity is for oci-layout:// repositories only; leave it "
     "out"},
    {SYNC(", target2: {}"),
     "Sync shop/web: spec.target2 is no field of Sync; did you mean spec.target?"},
    {SYNC(", wait: true"), "Sync shop/web: spec: wait does not apply to a directory target: files "
                           "have no health; leave it out"},
    {SYNC(", dependsOn: [{name: a}]"), "Sync shop/web: spec.dependsOn is not built yet: a Sync "
                                       "applies as soon as it is verified; leave it out"},
    {SYNC(", artifact: {tag: prod}"),
     "Sync shop/web: spec.artifact: with bundleRef the Bundle says what to follow; only secretRef, "
     "certSecretRef, proxySecretRef and insecure may stand here"},
    {SYNC(", artifact: {repository: oci://r.example/a, tag: prod}"),
     "Sync shop/web: spec: exactly one of bundleRef and artifact.repository must be given: what to "
     "follow"},
    {SYNC_HEAD "{" SYNC_DIR "}}", "Sync shop/web: spec: exactly one of bundleRef and "
                                  "artifact.repository must be given: what to follow"},
    {SYNC_HEAD "{artifact: {repository: oci://r.example/a}, " SYNC_DIR "}}",
     "Sync shop/web: spec.artifact: exactly one of tag, semver and digest must be given with "
     "repository"},
    {SYNC_HEAD "{artifact: {repository: oci://r.example/a, tag: a, semverFilter: a}, " SYNC_DIR
               "}}",
     "Sync shop/web: spec.artifact: semverFilter says which tags a range chooses from; give the "
     "range as semver, or leave it out"},
    {SYNC_HEAD "{bundleRef: {name: web}, target: {kubeConfig: {}}}}",
     "Sync shop/web: spec.target.kubeConfig.secretRef: is missing; write it like {name: "
     "credentials}"},
    {SYNC_HEAD "{bundleRef: {name: web}, target: {directory: {path: srv}}}}",
     "Sync shop/web: spec.target.directory.path: \"srv\" is no absolute path; write it like "
     "/var/lib/sealift/shop"},
    {SYNC(", verify: {keys: [{name: k}]}"),
     "Sync shop/web: spec.verify.keys[0]: exactly one of pem and secretRef must be given: the key "
     "itself, or the Secret it is in"},
    {SYNC(", verify: {keys: [{name: k, pem: '-----BEGIN PRIVATE KEY-----'}]}"),
     "Sync shop/web: spec.verify.keys[0].pem: is a private key; write the public one (cosign.pub), "
     "and replace this key: it has been seen"},
    {HOOK("{provider: gitlab, secretRef: {name: h}, resources: [{kind: Sync, name: a}]}"),
     "Hook h: spec.provider: gitlab is not built yet: this version reads GitHub's form, which "
     "Gitea "
     "and Forgejo send too (write github)"},
    {HOOK("{provider: github, secretRef: {name: h}}"),
     "Hook h: spec: the Hook triggers nothing; name objects in resources, or labels in selector"},
    {POLICY("{require: [{name: a, threshold: 2, keys: [{name: p, secretRef: {name: p}}]}]}"),
     "TrustPolicy prod: spec.require[0]: threshold is higher than the number of keys and "
     "identities, so it can never be met"},
    {POLICY("{require: [{name: a}]}"),
     "TrustPolicy prod: spec.require[0]: it needs signers: keys, keyless identities or notation"},
    {POLICY("{require: [{name: a, attests: true, " NOTATION "}]}"),
     "TrustPolicy prod: spec.require[0]: a Notation signature is about the artifact alone: it "
     "neither attests nor approves; list keys or keyless identities whose statements count, or "
     "write two entries"},
    {POLICY("{require: [{name: a, " NOTATION "}]}"),
     "TrustPolicy prod: spec: a Notation signature names no repository; set attests: true on the "
     "entry whose release statements do, or anyRepository: true beside notation"},
    {POLICY("{require: [{name: a, anyRepository: true, notation: {trustStores: [{name: 'ca:a'}], "
            "trustedIdentities: ['*']}}]}"),
     "TrustPolicy prod: spec.require[0].notation.trustStores[0]: exactly one of pem and secretRef "
     "must be given: the certificates themselves, or the Secret they are in"},
    {POLICY("{require: [{name: a, anyRepository: true, notation: {trustStores: [{name: 'cb:a', "
            "secretRef: {name: a}}], trustedIdentities: ['*']}}]}"),
     "TrustPolicy prod: spec.require[0].notation.trustStores[0].name: is no trust store; "
     "write it like ca:acme, signingAuthority:acme or tsa:acme"},
    {POLICY("{require: [{name: a, anyRepository: true, notation: {trustStores: [{name: 'ca:a', "
            "secretRef: {name: a}}], trustedIdentities: [acme]}}]}"),
     "TrustPolicy prod: spec.require[0].notation.trustedIdentities[0]: is no identity; "
     "write it like \"x509.subject: C=US, ST=WA, O=acme\", or *"},
    {POLICY("{require: [{name: a, keyless: [{issuer: 'https://i.example.com', subject: '**'}]}]}"),
     "TrustPolicy prod: spec.require[0].keyless[0].subject: is everybody whom the issuer knows; "
     "name "
     "an identity, or what it must begin with"},
    {POLICY("{require: [{name: a, keyless: [{issuer: 'https://*.example.com', subject: a}]}]}"),
     "TrustPolicy prod: spec.require[0].keyless[0].issuer: holds a wildcard; write the issuer out, "
     "and use another entry of keyless for another issuer"},
    {POLICY("{require: [{name: a, keyless: [{issuer: i.example.com, subject: a}]}]}"),
     "TrustPolicy prod: spec.require[0].keyless[0].issuer: is no URL of an issuer; write it like "
     "https://token.actions.githubusercontent.com"},
    {POLICY("{require: [{name: a, keyless: [{issuer: 'https://i.example.com'}]}]}"),
     "TrustPolicy prod: spec.require[0].keyless[0].subject: is missing; write it like "
     "https://git.example.com/acme/config/.ci/release.yml@refs/heads/main"},
    {POLICY("{require: [{name: a, threshold: 2, keyless: [{issuer: 'https://i.example.com', "
            "subject: a}]}]}"),
     "TrustPolicy prod: spec.require[0]: threshold is higher than the number of keys and "
     "identities, so it can never be met"},
    {POLICY("{require: [{name: a, keys: [{name: p, secretRef: {name: p}}]}], freshness: {maxAge: "
            "1h}}"),
     "TrustPolicy prod: spec.freshness: it is judged on statements of an entry with attests: true; "
     "set that on one entry of require"},
    {POLICY("{require: [" PACKAGER ", {name: b, attests: true, keys: [{name: p, secretRef: {name: "
            "p}}]}]}"),
     "TrustPolicy prod: spec: at most one entry of require may have attests: true"},
    {POLICY("{require: [{name: a, threshold: 0, keys: [{name: p, secretRef: {name: p}}]}]}"),
     "TrustPolicy prod: spec.require[0].threshold: is out of range; write 1 to 32"},
    {"{apiVersion: sealift.dev/v1alpha1, kind: TrustPolicy, metadata: {name: prod, namespace: a}, "
     "spec: {require: [" PACKAGER "]}}",
     "TrustPolicy a/prod: metadata.namespace: a TrustPolicy belongs to no namespace; leave it out"},
    {"{apiVersion: sealift.dev/v1alpha1, kind: Bundel, metadata: {name: a}}",
     "Bundel a: kind: \"Bundel\" is no kind of sealift; did you mean Bundle?"},
    {"{apiVersion: sealift.dev/v1, kind: Hook, metadata: {name: a}}",
     "Hook a: apiVersion: \"sealift.dev/v1\" is not that of a Hook; write sealift.dev/v1alpha1"},
    {"{apiVersion: v1, kind: Secret, metadata: {name: S_1}}",
     "Secret S_1: metadata.name: \"S_1\" is no name; use lower-case letters, digits, - and ., at "
     "most 253"},
    {"{apiVersion: v1, kind: Secret, metadata: {name: ../../etc}}",
     "Secret ../../etc: metadata.name: \"../../etc\" is no name; use lower-case letters, digits, - "
     "and ., at most 253"},
    {"{apiVersion: v1, kind: Secret, metadata: {}}",
     "Secret without name: metadata.name: is missing; write it like shop"},
    {"{apiVersion: v1, kind: Secret, metadata: {name: s}, data: {a: hunter2}}",
     "Secret s: data.a: is no base64; encode it, or put the plain text under stringData"},
    {"[]", "the document is no object; it needs apiVersion, kind, metadata and spec"},
};

static void test_validate_takes_what_is_right(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(fine); i++) {
        cleanup_json json_t *object = parse(fine[i]);
        cleanup_error struct error err = {0};
        if (api_check(object, &err) < 0)
            fail_msg("%s", error_message(&err));
        cleanup_json json_t *filled = api_with_defaults(object);
        if (api_check(filled, &err) < 0)
            fail_msg("with its defaults: %s", error_message(&err));
    }
}

static void test_validate_says_what_to_write_instead(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(wrong_fields); i++) {
        cleanup_json json_t *object = parse(wrong_fields[i].yaml);
        cleanup_error struct error err = {0};
        if (api_check(object, &err) == 0)
            fail_msg("taken: %s", wrong_fields[i].yaml);
        assert_string_equal(error_message(&err), wrong_fields[i].sentence);
        assert_int_equal(err.code, ERROR_INVALID);
    }
}

static void test_validate_tells_all_at_once(void **state)
{
    (void)state;
    cleanup_json json_t *object = parse(BUNDLE(", intervall: 1m, path: /x"));
    cleanup_vec struct vec problems = VEC_OF(char *, vec_release_string);
    assert_int_equal(api_validate(object, &problems), 2);
    assert_int_equal(problems.len, 2);
    cleanup_error struct error err = {0};
    assert_int_equal(api_check(object, &err), -1);
    assert_string_equal(error_message(&err),
                        "Bundle shop/web: spec.intervall is no field of Bundle; did you mean "
                        "spec.interval?; Bundle shop/web: spec.path: \"/x\" is absolute; write it "
                        "from the root, like ./apps/shop/prod");
}

static void test_validate_fills_in_defaults(void **state)
{
    (void)state;
    cleanup_json json_t *object = parse(BUNDLE(""));
    cleanup_json json_t *filled = api_with_defaults(object);
    assert_null(jval_get(object, "spec.interval"));
    assert_string_equal(object_spec_string(filled, "interval"), "10m");
    assert_string_equal(object_spec_string(filled, "source.git.ref.branch"), "main");
    assert_string_equal(object_spec_string(filled, "render.type"), "Auto");
    assert_false(object_is_suspended(filled));
    cleanup_json json_t *policy = parse(POLICY("{require: [" PACKAGER ", {name: b, keys: []}]}"));
    cleanup_json json_t *full = api_with_defaults(policy);
    const json_t *second = json_array_get(object_spec(full, "require"), 1);
    assert_int_equal(jval_int(second, "threshold", 0), 1);
    assert_true(json_is_false(jval_get(second, "attests")));
    assert_null(jval_get(full, "metadata.namespace"));
    cleanup_json json_t *secret = parse("{apiVersion: v1, kind: Secret, metadata: {name: s}}");
    cleanup_json json_t *placed = api_with_defaults(secret);
    assert_string_equal(object_namespace(placed), "default");
}

static void test_validate_survives_odd_types(void **state)
{
    (void)state;
    static const char *const odd[] = {
        "{apiVersion: sealift.dev/v1alpha1, kind: Bundle, metadata: 3, spec: 4}",
        "{apiVersion: sealift.dev/v1alpha1, kind: Bundle, metadata: {name: [], labels: [], "
        "annotations: {a: 1}}, spec: []}",
        "{apiVersion: sealift.dev/v1alpha1, kind: Sync, metadata: {name: a}, spec: {verify: {keys: "
        "[1, {}, [], null]}, artifact: null, bundleRef: x, target: {directory: []}}}",
        "{apiVersion: sealift.dev/v1alpha1, kind: TrustPolicy, metadata: {name: a}, spec: "
        "{require: "
        "{}, match: {namespaces: {matchLabels: [], matchExpressions: [1]}}}}",
        "{apiVersion: [], kind: {}, metadata: null}",
        "3",
        "null",
    };
    for (size_t i = 0; i < ARRAY_LENGTH(odd); i++) {
        cleanup_json json_t *object = parse(odd[i]);
        assert_int_equal(api_check(object, NULL), -1);
        cleanup_json json_t *filled = api_with_defaults(object);
        assert_non_null(filled);
    }
}

// docs/api.md is made from the table; UPDATE_DOCS=1 writes it anew.
static void test_reference_is_up_to_date(void **state)
{
    (void)state;
    static const char path[] = TEST_DATA "/../../../docs/api.md";
    cleanup_strbuf struct strbuf out;
    strbuf_init(&out, 1 << 20);
    cleanup_error struct error err = {0};
    assert_int_equal(api_reference_all(&out, &err), 0);
    if (getenv("UPDATE_DOCS") != NULL)
        assert_int_equal(file_write_swap(path, out.data, out.len, 0644, &err), 0);
    cleanup_free char *text = NULL;
    assert_int_equal(file_read(path, 1 << 20, &text, NULL, &err), 0);
    if (strcmp(text, out.data) != 0)
        fail_msg("docs/api.md is stale; run UPDATE_DOCS=1 unit_api_validate");
}

static void test_reference_examples_are_valid(void **state)
{
    (void)state;
    const struct kind *kind;
    for (size_t i = 0; (kind = kind_at(i)) != NULL; i++) {
        cleanup_strbuf struct strbuf out;
        strbuf_init(&out, 1 << 20);
        assert_int_equal(api_reference_markdown(kind->name, &out, NULL), 0);
        char *start = strstr(out.data, "```yaml\n");
        if (start == NULL)
            continue;
        start += strlen("```yaml\n");
        *strstr(start, "```") = '\0';
        cleanup_json json_t *object = parse(start);
        cleanup_error struct error err = {0};
        if (api_check(object, &err) < 0)
            fail_msg("%s", error_message(&err));
    }
    assert_ptr_equal(kind_find("bundles"), kind_find("Bundle"));
    assert_ptr_equal(kind_find("trustpolicy"), kind_find("TrustPolicies"));
    assert_null(kind_find("pods"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_validate_takes_what_is_right),
        cmocka_unit_test(test_validate_says_what_to_write_instead),
        cmocka_unit_test(test_validate_tells_all_at_once),
        cmocka_unit_test(test_validate_fills_in_defaults),
        cmocka_unit_test(test_validate_survives_odd_types),
        cmocka_unit_test(test_reference_is_up_to_date),
        cmocka_unit_test(test_reference_examples_are_valid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
