#include "render/render.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/strbuf.h"
#include "render/order.h"

#define CM(name) "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: " name "\n"

struct fixture_file {
    const char *path;
    const char *text; // "-> target" makes a link
};

static char *make_tree(const struct fixture_file *files, size_t n)
{
    char *root = NULL;
    assert_int_equal(file_make_temp_dir("render-", &root, NULL), 0);
    for (size_t i = 0; i < n && files[i].path != NULL; i++) {
        cleanup_free char *full = path_join(root, files[i].path);
        cleanup_free char *dir = xstrndup(full, (size_t)(strrchr(full, '/') - full));
        assert_int_equal(file_make_dirs(dir, NULL), 0);
        if (strncmp(files[i].text, "-> ", 3) == 0)
            assert_int_equal(symlink(files[i].text + 3, full), 0);
        else
            assert_int_equal(
                file_write_swap(full, files[i].text, strlen(files[i].text), 0644, NULL), 0);
    }
    return root;
}

static int render(const char *root, const char *path, const struct render_options *options,
                  struct render_result *result, struct error *err)
{
    cleanup_tree struct tree *tree = NULL;
    assert_int_equal(tree_open_dir(root, &tree, NULL), 0);
    return render_tree(tree, path, options, result, err);
}

static void drop_tree(char *root)
{
    assert_int_equal(file_remove_tree(root, NULL), 0);
    free(root);
}

static void test_render_plain_takes_what_kubectl_takes(void **state)
{
    (void)state;
    static const struct fixture_file files[] = {
        {"app/web.yaml", "# two\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {namespace: "
                         "shop, name: web}\n"
                         "spec: {replicas: 0x2}\n---\n---\n" CM("b")},
        {"app/sub/list.yml",
         "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: ConfigMap\n"
         "  metadata: {name: l1}\n- apiVersion: v1\n  kind: ConfigMapList\n  items:\n"
         "  - metadata: {name: l2, namespace: \"\"}\nmetadata: {}\n"},
        {"app/sub/one.json", "{\"kind\": \"Service\", \"apiVersion\": \"v1\",\n"
                             "\"metadata\": {\"name\": \"\\ud83d\\ude00\"}, \"n\": 1.0}"},
        {"app/.hidden.yaml", "nonsense: ["},
        {"app/.git/x.yaml", "nonsense: ["},
        {"app/README.md", "# no manifest"},
        {"app/linked.yaml", "-> ../shared/role.yaml"},
        {"app/gone", "-> nowhere"},
        {"shared/role.yaml", "apiVersion: rbac.authorization.k8s.io/v1\r\nkind: ClusterRole\r\n"
                             "metadata:\r\n  name: system:x\r\n"},
        {"other.yaml", "nonsense: ["},
    };
    static const struct {
        const char *path;
        const char *source;
        size_t line;
    } wanted[] = {
        {"_/ClusterRole.rbac.authorization.k8s.io/system:x.yaml", "app/linked.yaml", 1},
        {"_/ConfigMap/b.yaml", "app/web.yaml", 9},
        {"_/ConfigMap/l1.yaml", "app/sub/list.yml", 4},
        {"_/ConfigMap/l2.yaml", "app/sub/list.yml", 7},
        {"_/Service/😀.yaml", "app/sub/one.json", 1},
        {"shop/Deployment.apps/web.yaml", "app/web.yaml", 3},
    };
    static const char *const inputs[] = {
        "app/",
        "app/Chart.yaml",
        "app/Kustomization",
        "app/README.md",
        "app/gone",
        "app/kustomization.yaml",
        "app/kustomization.yml",
        "app/linked.yaml",
        "app/nowhere",
        "app/sub/",
        "app/sub/list.yml",
        "app/sub/one.json",
        "app/web.yaml",
        "shared/role.yaml",
    };
    char *root = make_tree(files, ARRAY_LENGTH(files));
    cleanup_render_result struct render_result result = {0};
    cleanup_error struct error err = {0};
    if (render(root, "./app/", &(struct render_options){0}, &result, &err) < 0)
        fail_msg("%s", err.message);
    assert_int_equal(result.objects.len, ARRAY_LENGTH(wanted));
    for (size_t i = 0; i < result.objects.len; i++) {
        const struct render_object *object = vec_at(&result.objects, i);
        assert_string_equal(object->path, wanted[i].path);
        assert_string_equal(object->source, wanted[i].source);
        assert_int_equal(object->line, wanted[i].line);
        assert_int_equal(object->yaml_size, strlen(object->yaml));
    }
    const struct render_object *web = vec_at(&result.objects, 5);
    assert_string_equal(web->yaml, "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\n"
                                   "  namespace: shop\nspec:\n  replicas: 2\n");
    assert_string_equal(web->group, "apps");
    assert_string_equal(web->ns, "shop");
    const struct render_object *typed = vec_at(&result.objects, 3);
    assert_string_equal(typed->kind, "ConfigMap");
    assert_null(typed->ns);
    size_t at = 0;
    vec_foreach (char *, input, &result.inputs) {
        while (at < ARRAY_LENGTH(inputs) && strcmp(inputs[at], "app/README.md") == 0)
            at++;
        assert_true(at < ARRAY_LENGTH(inputs));
        assert_string_equal(*input, inputs[at++]);
    }
    assert_int_equal(at, ARRAY_LENGTH(inputs));
    cleanup_render_result struct render_result one = {0};
    assert_int_equal(render(root, "app/sub/one.json", &(struct render_options){0}, &one, NULL), 0);
    assert_int_equal(one.objects.len, 1);
    drop_tree(root);
}

static void test_render_refuses_bad_input(void **state)
{
    (void)state;
    static const struct {
        struct fixture_file files[3];
        enum error_code code;
        const char *message;
    } rows[] = {
        {{{"a/x.yaml", "a: [1\nb: 2\n"}}, ERROR_INVALID, NULL},
        {{{"a/x.yaml", CM("a") "data:\n  k: 1\n  k: 2\n"}},
         ERROR_INVALID,
         "a/x.yaml:7:3: duplicate key \"k\" (first on line 6)"},
        {{{"a/x.yaml", "metadata:\n\tname: x\n"}},
         ERROR_INVALID,
         "a/x.yaml:2:1: a tab where YAML allows only spaces; indent with spaces"},
        {{{"a/x.yaml", CM("a")}, {"a/y.yaml", "---\n" CM("b") "---\n" CM("a")}},
         ERROR_INVALID,
         "a/y.yaml:7: ConfigMap \"a\" is already defined at a/x.yaml:1; keep one of the two"},
        {{{"a/x.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  labels: {}\n"}},
         ERROR_INVALID,
         "a/x.yaml:3: ConfigMap without metadata.name; give it one"},
        {{{"a/x.yaml", "apiVersion: v1\nkind: ConfigMap\n"}},
         ERROR_INVALID,
         "a/x.yaml:1: ConfigMap without metadata.name; give it one"},
        {{{"a/x.yaml", "apiVersion: batch/v1\nkind: Job\nmetadata:\n  generateName: x-\n"}},
         ERROR_INVALID,
         "a/x.yaml:3: Job with generateName: it would be a new object on every apply; give it a "
         "metadata.name"},
        {{{"a/x.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: 1\n"}},
         ERROR_INVALID,
         "a/x.yaml:4: ConfigMap with a metadata.name that is no text; write it in quotes"},
        {{{"a/x.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: ..\n"}},
         ERROR_INVALID,
         "a/x.yaml:4: ConfigMap with the metadata.name \"..\"; a name has 1 to 253 characters and "
         "no '/' or '%'"},
        {{{"a/x.yaml", CM("a") "  namespace: a/b\n"}},
         ERROR_INVALID,
         "a/x.yaml:5: ConfigMap \"a\" with a metadata.namespace that is none; a namespace has at "
         "most 63 of a-z, 0-9 and '-'"},
        {{{"a/x.yaml", CM("a") "  labels: [a]\n"}},
         ERROR_INVALID,
         "a/x.yaml:5: ConfigMap \"a\": metadata.labels is no mapping"},
        {{{"a/x.yaml", CM("a") "  annotations:\n    x: true\n"}},
         ERROR_INVALID,
         "a/x.yaml:5: ConfigMap \"a\": the value of \"x\" in metadata.annotations is no text; "
         "write it in quotes"},
        {{{"a/x.yaml", "kind: ConfigMap\nmetadata: {name: a}\n"}},
         ERROR_INVALID,
         "a/x.yaml:1: ConfigMap without apiVersion; write for example \"apiVersion: apps/v1\" (is "
         "this a Kubernetes manifest?)"},
        {{{"a/x.yaml", "apiVersion: v1\nmetadata: {name: a}\n"}},
         ERROR_INVALID,
         "a/x.yaml:1: an object (v1) without kind; write for example \"kind: Deployment\""},
        {{{"a/x.yaml", "apiVersion: /v1\nkind: X\nmetadata: {name: a}\n"}},
         ERROR_INVALID,
         "a/x.yaml:1: X with apiVersion \"/v1\"; write group/version, or v1 for the core group"},
        {{{"a/x.yaml", "apiVersion: v1\nkind: X/../Y\nmetadata: {name: a}\n"}},
         ERROR_INVALID,
         "a/x.yaml:2: the kind \"X/../Y\" is none; a kind is one word such as Deployment"},
        {{{"a/x.yaml", "- 1\n"}},
         ERROR_INVALID,
         "a/x.yaml:1: this is no Kubernetes object: a mapping with apiVersion, kind and metadata "
         "is "
         "expected"},
        {{{"a/x.json", "{\"a\": 1,}"}}, ERROR_INVALID, NULL},
        {{{"a/x.yaml", "apiVersion: v1\nkind: List\nitems:\n- "
                       "apiVersion: v1\n  kind: ConfigMap\n"
                       "- kind: ConfigMap\n  apiVersion: v1\n  metadata:\n    name: 3\n"}},
         ERROR_INVALID,
         "a/x.yaml:4: ConfigMap without metadata.name; give it one"},
        {{{"a/x.yaml", "apiVersion: v1\nkind: List\nitems:\n- kind: ConfigMap\n  apiVersion: v1\n"
                       "  metadata:\n    name: 3\nmetadata: {name: x}\n"}},
         ERROR_INVALID,
         "a/x.yaml:7: ConfigMap with a metadata.name that is no text; write it in quotes"},
        {{{"a/x.yaml", "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {a: b}\n"}},
         ERROR_DENIED,
         "a/x.yaml:1: Secret \"s\" carries its values; a signed artifact is no place for secrets: "
         "commit an ExternalSecret (External Secrets) or a SealedSecret (Sealed Secrets) instead, "
         "or allow it with spec.artifact.allowSecrets"},
        {{{"a/x.yaml", "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nsops: {a: b}\n"}},
         ERROR_DENIED,
         "a/x.yaml:1: a file encrypted by SOPS, which nothing here decrypts; a signed artifact is "
         "no place for secrets: commit an ExternalSecret (External Secrets) or a SealedSecret "
         "(Sealed Secrets) instead"},
        {{{"a/x.json", "{\"data\": \"ENC[AES256_GCM]\", \"sops\": {}}"}}, ERROR_DENIED, NULL},
        {{{"a/b/kustomization.yaml", "resources: [x.yaml]\n"}, {"a/b/x.yaml", CM("a")}},
         ERROR_INVALID,
         "a/b/kustomization.yaml: this is a Kustomize tree among plain manifests: point spec.path "
         "at its folder, or add a kustomization.yaml that names it and the manifests"},
        {{{"a/b/Chart.yaml", "apiVersion: v2\nname: x\n"}, {"a/b/templates/x.yaml", "{{ x }}: ["}},
         ERROR_INVALID,
         "a/b/Chart.yaml: this is a Helm chart, which this version does not render: point "
         "spec.path "
         "at rendered manifests (the output of helm template)"},
        {{{"a/b/k.yaml", "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n"}},
         ERROR_INVALID,
         "a/b/k.yaml: this is a Kustomize tree among plain manifests: point spec.path at its "
         "folder, or add a kustomization.yaml that names it and the manifests"},
        {{{"a/x.yaml", "-> /etc/passwd"}},
         ERROR_DENIED,
         "a/x.yaml: the symbolic link leads to /etc/passwd, out of the tree; commit the file "
         "itself"},
        {{{"a/x.yaml", "-> y"}}, ERROR_NOT_FOUND, NULL},
        {{{"a/loop", "-> ."}, {"a/x.yaml", CM("a")}}, ERROR_INVALID, NULL},
        {{{"b/x.yaml", CM("a")}}, ERROR_NOT_FOUND, NULL},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        char *root = make_tree(rows[i].files, 3);
        struct render_result result = {0};
        cleanup_error struct error err = {0};
        if (render(root, "a", &(struct render_options){0}, &result, &err) == 0)
            fail_msg("row %zu was accepted", i);
        if (rows[i].message != NULL)
            assert_string_equal(err.message, rows[i].message);
        if (err.code != rows[i].code)
            fail_msg("row %zu: %s", i, err.message);
        drop_tree(root);
    }
}

static void test_render_options_allow_what_is_refused(void **state)
{
    (void)state;
    static const struct fixture_file files[] = {
        {"a/kustomization.yaml", CM("kustomization")},
        {"a/empty.yaml", "apiVersion: v1\nkind: Secret\nmetadata: {name: e}\ndata: {}\n"},
        {"a/secret.yaml", "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata: {a: Yg==}\n"},
    };
    char *root = make_tree(files, ARRAY_LENGTH(files));
    cleanup_render_result struct render_result result = {0};
    assert_int_equal(render(root, "a",
                            &(struct render_options){.type = RENDER_PLAIN, .allow_secrets = true},
                            &result, NULL),
                     0);
    assert_int_equal(result.objects.len, 3);
    drop_tree(root);
    char *empty = make_tree((struct fixture_file[]){{"a/README", ""}}, 1);
    cleanup_render_result struct render_result nothing = {0};
    assert_int_equal(render(empty, ".", &(struct render_options){0}, &nothing, NULL), 0);
    assert_int_equal(nothing.objects.len, 0);
    drop_tree(empty);
}

static void test_render_stops_an_alias_bomb(void **state)
{
    (void)state;
    cleanup_strbuf struct strbuf bomb;
    strbuf_init(&bomb, 10000);
    strbuf_addstr(&bomb, CM("a") "data:\n  a: &a [x,x,x,x,x,x,x,x,x,x]\n");
    for (int i = 'b'; i < 'k'; i++)
        strbuf_addf(&bomb, "  %c: &%c [*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c]\n", i, i, i - 1, i - 1,
                    i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1);
    char *root = make_tree((struct fixture_file[]){{"a.yaml", bomb.data}}, 1);
    struct render_result result = {0};
    cleanup_error struct error err = {0};
    assert_int_equal(render(root, "", &(struct render_options){0}, &result, &err), -1);
    assert_int_equal(err.code, ERROR_LIMIT);
    drop_tree(root);
}

static void test_render_order_is_what_people_expect(void **state)
{
    (void)state;
    static char names[][3][40] = {
        {"v1", "Service", "a"},
        {"admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", "a"},
        {"apps/v1", "Deployment", "b"},
        {"x.io/v1", "Thing", "a"},
        {"apps/v1", "Deployment", "a"},
        {"v1", "Namespace", "z"},
        {"apiextensions.k8s.io/v1", "CustomResourceDefinition", "c"},
    };
    static const char *const wanted[] = {"z", "c", "a", "a", "b", "a", "a"};
    static const char *const kinds[] = {
        "Namespace", "CustomResourceDefinition",      "Service", "Deployment", "Deployment",
        "Thing",     "ValidatingWebhookConfiguration"};
    cleanup_vec struct vec objects = VEC_OF(struct render_object, NULL);
    char group[] = "g";
    for (size_t i = 0; i < ARRAY_LENGTH(names); i++)
        *(struct render_object *)vec_push(&objects) = (struct render_object){
            .api_version = names[i][0], .kind = names[i][1], .name = names[i][2], .group = group};
    vec_sort(&objects, render_order_compare);
    for (size_t i = 0; i < objects.len; i++) {
        const struct render_object *object = vec_at(&objects, i);
        assert_string_equal(object->kind, kinds[i]);
        assert_string_equal(object->name, wanted[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_render_plain_takes_what_kubectl_takes),
        cmocka_unit_test(test_render_refuses_bad_input),
        cmocka_unit_test(test_render_options_allow_what_is_refused),
        cmocka_unit_test(test_render_stops_an_alias_bomb),
        cmocka_unit_test(test_render_order_is_what_people_expect),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
