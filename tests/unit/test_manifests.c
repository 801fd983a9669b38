// What `sealift install` holds: every overlay of deploy/ renders, anywhere, with any image.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "api/object.h"
#include "base/jval.h"
#include "base/memory.h"
#include "cli/manifests.h"

static json_t *render(const char *overlay, const char *namespace, const char *image)
{
    const struct manifests_choice choice = {overlay, namespace, image};
    cleanup_error struct error err = {0};
    json_t *objects = NULL;
    if (manifests_render(&choice, &objects, &err) < 0)
        fail_msg("%s", error_message(&err));
    return objects;
}

static const json_t *find(const json_t *objects, const char *kind, const char *name)
{
    size_t index;
    json_t *object;
    json_array_foreach (objects, index, object) {
        if (strcmp(object_kind(object), kind) == 0 && strcmp(object_name(object), name) == 0)
            return object;
    }
    return NULL;
}

static void test_manifests_overlays(void **state)
{
    (void)state;
    static const struct {
        const char *overlay;
        bool deployer;
        bool policy;
    } cases[] = {{"single-tenant", true, false},
                 {"multi-tenant", false, false},
                 {"production", false, true}};
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        cleanup_json json_t *objects = render(cases[i].overlay, NULL, NULL);
        assert_non_null(find(objects, "Namespace", "sealift-system"));
        assert_non_null(find(objects, "CustomResourceDefinition", "syncs.sealift.dev"));
        assert_non_null(find(objects, "Deployment", "sealift-controller"));
        assert_int_equal(find(objects, "ServiceAccount", "sealift-deployer") != NULL,
                         cases[i].deployer);
        const json_t *policy = find(objects, "TrustPolicy", "everything");
        assert_int_equal(policy != NULL, cases[i].policy);
        assert_string_equal(policy != NULL ? object_namespace(policy) : "", "");
        assert_non_null(strstr("|" OVERLAY_CHOICES "|", cases[i].overlay));
    }
}

static void test_manifests_elsewhere(void **state)
{
    (void)state;
    cleanup_json json_t *objects = render("single-tenant", "elsewhere", "r.example.org/s@sha256:0");
    size_t index;
    json_t *object;
    json_array_foreach (objects, index, object) {
        cleanup_free char *text = jval_compact(object);
        if (strcmp(object_kind(object), "CustomResourceDefinition") != 0 &&
            strstr(text, "sealift-system") != NULL)
            fail_msg("%s", text);
    }
    assert_non_null(find(objects, "Namespace", "elsewhere"));
    assert_string_equal(manifests_image(objects), "r.example.org/s@sha256:0");
    assert_false(manifests_image_is_placeholder(manifests_image(objects)));
}

static void test_manifests_image_of_a_build(void **state)
{
    (void)state;
    cleanup_json json_t *objects = render("multi-tenant", NULL, NULL);
    assert_true(manifests_image_is_placeholder(manifests_image(objects)));
    assert_string_equal(manifests_image(NULL), "");
}

static void test_manifests_unknown_overlay(void **state)
{
    (void)state;
    const struct manifests_choice choice = {"none", NULL, NULL};
    cleanup_error struct error err = {0};
    json_t *objects = NULL;
    assert_int_equal(manifests_render(&choice, &objects, &err), -1);
    assert_non_null(strstr(error_message(&err), "the overlay none"));
}

static void test_manifests_tenant(void **state)
{
    (void)state;
    cleanup_error struct error err = {0};
    cleanup_json json_t *objects = NULL;
    assert_int_equal(manifests_render_tenant("shop", "elsewhere", "edit", &objects, &err), 0);
    assert_int_equal(json_array_size(objects), 3);
    const json_t *binding = find(objects, "RoleBinding", "sealift-packager-secrets");
    assert_string_equal(object_namespace(binding), "shop");
    const json_t *subject = json_array_get(jval_array(binding, "subjects"), 0);
    assert_string_equal(jval_string(subject, "namespace"), "elsewhere");
    const json_t *own =
        json_array_get(jval_array(find(objects, "RoleBinding", "sealift"), "subjects"), 0);
    assert_string_equal(jval_string(own, "namespace"), "shop");
    assert_string_equal(jval_string(find(objects, "RoleBinding", "sealift"), "roleRef.name"),
                        "edit");
    assert_string_equal(jval_string(binding, "roleRef.name"), "sealift-packager-secrets");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_manifests_overlays),
        cmocka_unit_test(test_manifests_elsewhere),
        cmocka_unit_test(test_manifests_image_of_a_build),
        cmocka_unit_test(test_manifests_unknown_overlay),
        cmocka_unit_test(test_manifests_tenant),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
