// Who is governed and by what, on the real store.
#include "controller/governance.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/object.h"
#include "api/store.h"
#include "api/store_kube.h"
#include "base/jval.h"
#include "base/memory.h"
#include "base/strbuf.h"
#include "base/yamljson.h"
#include "fake_cluster.h"
#include "fake_place.h"
#include "oci/sign/key.h"
#include "oci/sign/policy.h"

#define REPOSITORY "r.example.com/acme/shop"
#define API "apiVersion: sealift.dev/v1alpha1\n"
#define KEY(name) "{name: " name ", secretRef: {name: " name "}}"
#define POLICY(name, match, more)                                                    \
    API "kind: TrustPolicy\nmetadata: {name: " name "}\nspec:\n  match: " match "\n" \
        "  require:\n  - {name: packager, attests: true, keys: [" KEY("packager") "]}\n" more

struct scene {
    struct fake_place place;
    char *pems[2];
    struct role role;
};

static void put_secret(struct scene *scene, const char *namespace, const char *name,
                       const char *pem)
{
    cleanup_strbuf struct strbuf text;
    strbuf_init(&text, 64 * 1024);
    strbuf_addf(&text, "apiVersion: v1\nkind: Secret\nmetadata: {name: %s, namespace: %s}\n", name,
                namespace);
    strbuf_addstr(&text, "stringData:\n  cosign.pub: |\n");
    for (const char *line = pem; *line != '\0'; line += strcspn(line, "\n") + 1)
        strbuf_addf(&text, "    %.*s\n", (int)strcspn(line, "\n"), line);
    cleanup_free char *file = xasprintf("secret-%s-%s.yaml", namespace, name);
    fake_place_put(&scene->place, file, text.data);
}

static void put_sync(struct scene *scene, const char *spec)
{
    cleanup_free char *text = xasprintf(
        API "kind: Sync\nmetadata: {name: shop, namespace: shop}\nspec:\n  artifact: {repository: "
            "oci://" REPOSITORY ", tag: prod}\n  target: {directory: {path: /srv/shop}}\n%s",
        spec);
    fake_place_put(&scene->place, "sync.yaml", text);
}

static int setup(void **state)
{
    struct scene *scene = xcalloc(1, sizeof *scene);
    fake_place_init(&scene->place);
    for (size_t i = 0; i < ARRAY_LENGTH(scene->pems); i++) {
        cleanup_sign_key struct sign_key *key = NULL;
        assert_int_equal(sign_key_generate(&key, NULL), 0);
        scene->pems[i] = verify_key_pem(sign_key_public(key));
    }
    put_secret(scene, "sealift-system", "packager", scene->pems[0]);
    put_secret(scene, "shop", "own", scene->pems[1]);
    put_sync(scene, "");
    fake_place_put(&scene->place, "namespaces.yaml",
                   "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {env: prod}}\n"
                   "---\n"
                   "apiVersion: v1\nkind: Namespace\nmetadata: {name: web, labels: {env: dev}}\n");
    *state = scene;
    return 0;
}

static int teardown(void **state)
{
    struct scene *scene = *state;
    fake_place_release(&scene->place);
    for (size_t i = 0; i < ARRAY_LENGTH(scene->pems); i++)
        free(scene->pems[i]);
    free(scene);
    return 0;
}

// NULL when governance_of found the rules, else its reason.
static const char *ask(struct scene *scene, struct governance *ret_governance)
{
    cleanup_json json_t *sync = NULL;
    cleanup_error struct error err = {0};
    const char *reason = "";
    fake_place_open(&scene->place);
    scene->role.store = scene->place.store;
    scene->role.namespace = "sealift-system";
    if (store_get(scene->place.store, "Sync", "shop", "shop", &sync, &err) < 0)
        fail_msg("%s", error_message(&err));
    if (object_problem(sync) != OBJECT_FINE)
        fail_msg("%s", object_problem_message(sync));
    governance_release(ret_governance);
    if (governance_of(&scene->role, sync, REPOSITORY, ret_governance, &reason, &err) == 0)
        return NULL;
    assert_int_not_equal(err.code, ERROR_NONE);
    return reason;
}

static void expect_reason(struct scene *scene, const char *wanted)
{
    cleanup_governance struct governance governance = {0};
    const char *reason = ask(scene, &governance);
    if (reason == NULL)
        fail_msg("it is governed by %zu policies, not %s", governance.policies.len, wanted);
    assert_string_equal(reason, wanted);
    assert_int_equal(governance.policies.len, 0);
}

static void expect_policies(struct scene *scene, size_t wanted)
{
    cleanup_governance struct governance governance = {0};
    const char *reason = ask(scene, &governance);
    if (reason != NULL)
        fail_msg("%s", reason);
    assert_int_equal(governance.policies.len, wanted);
}

static void test_governance_denies_by_default(void **state)
{
    struct scene *scene = *state;
    expect_reason(scene, "Ungoverned");
    cleanup_governance struct governance governance = {0};
    scene->role.allow_unverified = true;
    assert_null(ask(scene, &governance));
    assert_true(governance.unverified);
}

static void test_governance_chooses_by_namespace(void **state)
{
    static const struct {
        const char *match;
        const char *sync;
        bool governs;
    } cases[] = {
        {"{}", "", true},
        {"{namespaces: {}}", "", true},
        {"{namespaces: {matchLabels: {env: prod}}}", "", true},
        {"{namespaces: {matchLabels: {env: dev}}}", "", false},
        {"{namespaces: {matchLabels: {kubernetes.io/metadata.name: shop}}}", "", true},
        {"{namespaces: {matchLabels: {env: dev}}}", "  allowNamespaces: [web]\n", true},
        {"{namespaces: {matchExpressions: [{key: env, operator: NotIn, values: [prod]}]}}", "",
         false},
        {"{namespaces: {matchExpressions: [{key: env, operator: Exists}]}}", "", true},
    };
    struct scene *scene = *state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        cleanup_free char *policy = xasprintf(POLICY("prod", "%s", ""), cases[i].match);
        fake_place_put(&scene->place, "policy.yaml", policy);
        put_sync(scene, cases[i].sync);
        if (cases[i].governs)
            expect_policies(scene, 1);
        else
            expect_reason(scene, "Ungoverned");
    }
}

// On an API server each look at a namespace is a request.
static void test_governance_asks_for_a_namespace_once(void **state)
{
    (void)state;
    struct fake_cluster *cluster = fake_cluster_start();
    cleanup_kube_config struct kube_config config = {.server = fake_cluster_url(cluster)};
    const struct store_kube_options options = {.config = &config,
                                               .own_namespace = "sealift-system"};
    struct role role = {.namespace = "sealift-system"};
    cleanup_json json_t *sync = json_pack("{s:s, s:s, s:{s:s, s:s}, s:{s:[s]}}", "apiVersion",
                                          API_VERSION, "kind", "Sync", "metadata", "name", "shop",
                                          "namespace", "shop", "spec", "allowNamespaces", "web");
    cleanup_governance struct governance governance = {0};
    const char *reason = "";
    assert_int_equal(store_kube_open(&options, &role.store, NULL), 0);
    for (int i = 0; i < 3; i++) {
        cleanup_free char *text =
            xasprintf(POLICY("p%d", "{namespaces: {matchLabels: {env: other}}}", ""), i);
        cleanup_json json_t *policy = NULL;
        assert_int_equal(yamljson_parse(text, strlen(text), "policy", &policy, NULL), 0);
        assert_int_equal(store_apply(role.store, policy, NULL), 0);
    }
    assert_int_equal(governance_of(&role, sync, REPOSITORY, &governance, &reason, NULL), -1);
    assert_string_equal(reason, "Ungoverned");
    assert_int_equal(fake_cluster_count(cluster, "GET", "/api/v1/namespaces/shop"), 1);
    assert_int_equal(fake_cluster_count(cluster, "GET", "/api/v1/namespaces/web"), 1);
    store_free(role.store);
    fake_cluster_stop(cluster);
}

static void test_governance_every_matching_policy_counts(void **state)
{
    struct scene *scene = *state;
    fake_place_put(&scene->place, "a.yaml",
                   POLICY("a", "{repositories: [\"r.example.com/acme/*\"]}", ""));
    fake_place_put(&scene->place, "b.yaml", POLICY("b", "{}", ""));
    fake_place_put(&scene->place, "c.yaml",
                   POLICY("c", "{repositories: [\"r.example.com/other/*\"]}", ""));
    expect_policies(scene, 2);
}

static void test_governance_refuses_other_repositories(void **state)
{
    struct scene *scene = *state;
    fake_place_put(&scene->place, "a.yaml",
                   POLICY("a", "{repositories: [\"r.example.com/other/*\"]}", ""));
    expect_reason(scene, "RepositoryNotAllowed");
    // A tenant's own keys do not lead around it.
    put_sync(scene, "  verify: {keys: [" KEY("own") "]}\n");
    expect_reason(scene, "RepositoryNotAllowed");
}

static void test_governance_refuses_what_it_cannot_read(void **state)
{
    static const char *const broken[] = {
        // No YAML; never read before, so that it may say anything.
        "kind: TrustPolicy\n  spec: [",
        // Selects nothing only because it is malformed.
        POLICY("prod", "{namespaces: {matchLabels: [prod]}}", ""),
        POLICY("prod", "{namespaces: prod}", ""),
        POLICY("prod", "prod", ""),
        POLICY("prod", "{namespaces: {matchLabel: {env: dev}}}", ""),
        // Selects this Sync, and asks for what cannot be told.
        POLICY("prod", "{}", "  source: {repository: 7}\n"),
        API "kind: TrustPolicy\nmetadata: {name: prod}\nspec: {}\n",
    };
    struct scene *scene = *state;
    put_sync(scene, "  verify: {keys: [" KEY("own") "]}\n");
    for (size_t i = 0; i < ARRAY_LENGTH(broken); i++) {
        fake_place_put(&scene->place, "policy.yaml", broken[i]);
        expect_reason(scene, "PolicyUnreadable");
    }
}

static void test_governance_invalid_policy_refuses_only_what_it_selects(void **state)
{
    struct scene *scene = *state;
    put_sync(scene, "  verify: {keys: [" KEY("own") "]}\n");
    fake_place_put(
        &scene->place, "policy.yaml",
        POLICY("dev", "{namespaces: {matchLabels: {env: dev}}}", "  source: {repository: 7}\n"));
    expect_policies(scene, 1);
}

static void test_governance_needs_its_keys(void **state)
{
    struct scene *scene = *state;
    fake_place_put(&scene->place, "policy.yaml", POLICY("prod", "{}", ""));
    expect_policies(scene, 1);
    fake_place_put(&scene->place, "secret-sealift-system-packager.yaml",
                   "apiVersion: v1\nkind: Secret\nmetadata: {name: packager, namespace: "
                   "sealift-system}\nstringData: {other: x}\n");
    expect_reason(scene, "SecretNotUsable");
    // The Secret of the same name in the tenant's namespace is not it.
    put_secret(scene, "shop", "packager", scene->pems[1]);
    expect_reason(scene, "SecretNotUsable");
    fake_place_put(&scene->place, "secret-sealift-system-packager.yaml", "");
    put_sync(scene, "  verify: {keys: [" KEY("absent") "]}\n");
    fake_place_put(&scene->place, "policy.yaml", "");
    expect_reason(scene, "SecretNotUsable");
}

static void test_governance_own_keys_add_and_never_replace(void **state)
{
    struct scene *scene = *state;
    cleanup_governance struct governance governance = {0};
    put_sync(scene, "  verify: {keys: [" KEY("own") "]}\n");
    assert_null(ask(scene, &governance));
    assert_int_equal(governance.policies.len, 1);
    const struct trust_policy *own = vec_at(&governance.policies, 0);
    const struct trust_entry *entry = vec_at(&own->entries, 0);
    assert_true(entry->attests);
    assert_int_equal(entry->threshold, 1);

    fake_place_put(&scene->place, "policy.yaml", POLICY("prod", "{}", ""));
    assert_null(ask(scene, &governance));
    assert_int_equal(governance.policies.len, 2);
    own = vec_at(&governance.policies, 1);
    entry = vec_at(&own->entries, 0);
    assert_false(entry->attests);
    assert_false(entry->any_repository);
}

static void test_governance_rules_change_with_what_is_judged(void **state)
{
    struct scene *scene = *state;
    cleanup_governance struct governance governance = {0};
    struct digest seen[6];
    size_t n = 0;
    fake_place_put(&scene->place, "policy.yaml", POLICY("prod", "{}", ""));
    assert_null(ask(scene, &governance));
    seen[n++] = governance.rules;
    // Nothing changed.
    assert_null(ask(scene, &governance));
    assert_string_equal(governance.rules.text, seen[0].text);
    // What no policy judges is no rule.
    put_sync(scene, "  interval: 3m\n");
    assert_null(ask(scene, &governance));
    assert_string_equal(governance.rules.text, seen[0].text);

    put_secret(scene, "sealift-system", "packager", scene->pems[1]);
    assert_null(ask(scene, &governance));
    seen[n++] = governance.rules;
    fake_place_put(&scene->place, "policy.yaml",
                   POLICY("prod", "{}", "  freshness: {maxAge: 24h}\n"));
    assert_null(ask(scene, &governance));
    seen[n++] = governance.rules;
    put_sync(scene, "  verify: {keys: [" KEY("own") "]}\n");
    assert_null(ask(scene, &governance));
    seen[n++] = governance.rules;
    put_secret(scene, "shop", "own", scene->pems[0]);
    assert_null(ask(scene, &governance));
    seen[n++] = governance.rules;
    fake_place_put(&scene->place, "more.yaml", POLICY("more", "{}", ""));
    assert_null(ask(scene, &governance));
    seen[n++] = governance.rules;
    for (size_t i = 0; i < n; i++) {
        for (size_t j = i + 1; j < n; j++)
            assert_string_not_equal(seen[i].text, seen[j].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_governance_denies_by_default, setup, teardown),
        cmocka_unit_test_setup_teardown(test_governance_chooses_by_namespace, setup, teardown),
        cmocka_unit_test_setup_teardown(test_governance_asks_for_a_namespace_once, setup, teardown),
        cmocka_unit_test_setup_teardown(test_governance_every_matching_policy_counts, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_governance_refuses_other_repositories, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_governance_refuses_what_it_cannot_read, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_governance_invalid_policy_refuses_only_what_it_selects,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(test_governance_needs_its_keys, setup, teardown),
        cmocka_unit_test_setup_teardown(test_governance_own_keys_add_and_never_replace, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_governance_rules_change_with_what_is_judged, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
