#include "oci/manifest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/jval.h"
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

#define D "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
#define CONFIG \
    "{\"mediaType\":\"application/vnd.oci.empty.v1+json\",\"digest\":\"" D "\",\"size\":2}"
#define LAYER "{\"mediaType\":\"text/plain\",\"digest\":\"" D "\",\"size\":2}"
#define HEAD "{\"schemaVersion\":2,\"mediaType\":\"" OCI_MEDIA_MANIFEST "\","

static int parse(const char *text, const char *type, struct oci_manifest *manifest,
                 struct error *err)
{
    return oci_manifest_parse(text, strlen(text), type, manifest, err);
}

static void test_oci_manifest_builds_what_it_reads(void **state)
{
    (void)state;
    static const char text[] =
        HEAD "\"artifactType\":\"a/b\",\"config\":" CONFIG ",\"layers\":[" LAYER
             "],\"subject\":" LAYER ",\"annotations\":{\"a.b\":\"1\",\"c\":\"2\"}}";
    cleanup_oci_manifest struct oci_manifest manifest = {0};
    cleanup_error struct error err = {0};
    if (parse(text, OCI_MEDIA_MANIFEST "; charset=utf-8", &manifest, &err) < 0)
        fail_msg("%s", error_message(&err));
    assert_string_equal(oci_manifest_type(&manifest), "a/b");
    assert_string_equal(oci_manifest_annotation(&manifest, "a.b"), "1");
    assert_int_equal(manifest.layers.len, 1);
    assert_non_null(manifest.subject);
    size_t size = 0;
    cleanup_free char *built = oci_manifest_build(&manifest, &size);
    assert_string_equal(built, text);
    assert_int_equal(size, strlen(text));
}

static void test_oci_manifest_sorts_annotations(void **state)
{
    (void)state;
    cleanup_oci_manifest struct oci_manifest manifest = {0};
    assert_int_equal(parse(HEAD "\"config\":" CONFIG
                                ",\"layers\":[],\"annotations\":{\"b\":\"2\",\"a\":\"1\"}}",
                           NULL, &manifest, NULL),
                     0);
    assert_string_equal(oci_manifest_type(&manifest), OCI_MEDIA_EMPTY);
    size_t size = 0;
    cleanup_free char *built = oci_manifest_build(&manifest, &size);
    assert_non_null(strstr(built, "{\"a\":\"1\",\"b\":\"2\"}"));
}

static void test_oci_manifest_reads_an_index(void **state)
{
    (void)state;
    cleanup_oci_manifest struct oci_manifest manifest = {0};
    assert_int_equal(
        parse("{\"schemaVersion\":2,\"manifests\":[" LAYER "," CONFIG "]}", NULL, &manifest, NULL),
        0);
    assert_true(manifest.is_index);
    assert_string_equal(manifest.media_type, OCI_MEDIA_INDEX);
    assert_int_equal(manifest.layers.len, 2);
}

static void test_oci_manifest_refuses(void **state)
{
    (void)state;
    static const struct {
        const char *text, *type, *sentence;
    } cases[] = {
        {"[]", NULL, "not an object"},
        {"<html>", NULL, "line 1"},
        {"{}", NULL, "schemaVersion"},
        {HEAD "\"config\":" CONFIG ",\"layers\":[]}", OCI_MEDIA_INDEX, "the registry calls it"},
        {HEAD "\"config\":" CONFIG ",\"layers\":[]}", "text/html", "the registry calls it"},
        {"{\"schemaVersion\":2}", "text/html", "no manifest of OCI"},
        {HEAD "\"config\":" CONFIG ",\"layers\":[],\"manifests\":[]}", NULL, "only indexes"},
        {"{\"schemaVersion\":2,\"layers\":[],\"manifests\":[]}", OCI_MEDIA_INDEX, "only manifests"},
        {"{\"schemaVersion\":1,\"fsLayers\":[],\"config\":" CONFIG ",\"layers\":[]}", NULL,
         "schema 1"},
        {HEAD "\"config\":" CONFIG "}", NULL, "no list of layers"},
        {HEAD "\"layers\":[]}", NULL, "config is missing"},
        {HEAD "\"layers\":[],\"layers\":[],\"config\":" CONFIG "}", NULL, "duplicate"},
        {HEAD "\"config\":" CONFIG ",\"layers\":[{\"mediaType\":\"a/b\",\"digest\":\"" D
              "\",\"size\":-1}]}",
         NULL, "layers[0]: size"},
        {HEAD "\"config\":" CONFIG
              ",\"layers\":[{\"mediaType\":\"a/b\",\"digest\":\"sha256:../..\",\"size\":1}]}",
         NULL, "layers[0]: digest"},
        {HEAD "\"config\":" CONFIG ",\"layers\":[{\"mediaType\":\"a b\",\"digest\":\"" D
              "\",\"size\":1}]}",
         NULL, "layers[0]: mediaType"},
        {HEAD "\"config\":" CONFIG ",\"layers\":[{\"mediaType\":\"a/b\",\"digest\":\"" D
              "\",\"size\":2,\"data\":\"e31=\"}]}",
         NULL, "layers[0]: data"},
        {HEAD "\"config\":" CONFIG ",\"layers\":[],\"annotations\":{\"a\":1}}", NULL,
         "annotation a"},
        {HEAD "\"config\":" CONFIG ",\"layers\":[],\"subject\":\"x\"}", NULL, "subject"},
        {HEAD "\"config\":" CONFIG ",\"layers\":[]} x", NULL, "line 1"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        cleanup_oci_manifest struct oci_manifest manifest = {0};
        cleanup_error struct error err = {0};
        if (parse(cases[i].text, cases[i].type, &manifest, &err) == 0)
            fail_msg("accepted %s", cases[i].text);
        if (strstr(error_message(&err), cases[i].sentence) == NULL)
            fail_msg("case %zu says: %s", i, error_message(&err));
    }
}

static void test_oci_manifest_inline_data_is_checked(void **state)
{
    (void)state;
    cleanup_oci_manifest struct oci_manifest manifest = {0};
    assert_int_equal(parse(HEAD "\"config\":{\"mediaType\":\"" OCI_MEDIA_EMPTY "\",\"digest\":\"" D
                                "\",\"size\":2,\"data\":\"e30=\"},\"layers\":[]}",
                           NULL, &manifest, NULL),
                     0);
    struct digest empty = digest_of(OCI_EMPTY_JSON, strlen(OCI_EMPTY_JSON));
    assert_string_equal(empty.text, OCI_EMPTY_DIGEST);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_oci_manifest_builds_what_it_reads),
        cmocka_unit_test(test_oci_manifest_sorts_annotations),
        cmocka_unit_test(test_oci_manifest_reads_an_index),
        cmocka_unit_test(test_oci_manifest_refuses),
        cmocka_unit_test(test_oci_manifest_inline_data_is_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
