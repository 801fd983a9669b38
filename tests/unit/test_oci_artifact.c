#include "oci/artifact.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/strbuf.h"
#include "oci/layer.h"

#include <archive.h>
#include <archive_entry.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void add_file(struct vec *files, const char *path, const char *text)
{
    struct oci_file *file = vec_push(files);
    *file = (struct oci_file){.path = xstrdup(path), .data = xstrdup(text), .size = strlen(text)};
}

static const struct oci_artifact_info info = {
    .created_ms = 1700000000000,
    .source = "https://git.example.com/acme/config",
    .revision = "main@sha1:0123456789012345678901234567890123456789",
    .path = "apps/shop/prod",
};

static char *long_path(void)
{
    return xasprintf("_/v1.ConfigMap/%0120d/%0120d.yaml", 1, 2);
}

static void test_oci_artifact_same_in_same_out(void **state)
{
    (void)state;
    cleanup_free char *long_name = long_path();
    cleanup_vec struct vec forward = OCI_FILES, backward = OCI_FILES;
    const char *paths[] = {"_/a/x.yaml", "a-b/y.yaml", "a/z.yaml", long_name, "a/\xc3\xa9.yaml"};
    for (size_t i = 0; i < ARRAY_LENGTH(paths); i++) {
        add_file(&forward, paths[i], paths[i]);
        add_file(&backward, paths[ARRAY_LENGTH(paths) - 1 - i], paths[ARRAY_LENGTH(paths) - 1 - i]);
    }
    cleanup_oci_artifact struct oci_artifact one = {0}, two = {0};
    cleanup_error struct error err = {0};
    assert_int_equal(oci_pack(&forward, &info, &one, &err), 0);
    assert_int_equal(oci_pack(&backward, &info, &two, &err), 0);
    assert_string_equal(one.manifest, two.manifest);
    // The tar is promised for all builds; this is its digest for good.
    assert_string_equal(one.diff_id.text,
                        "sha256:77ffee9238c79d091ff78476b3ad43815fa3942345da1e38f0e313f3f9645b85");

    cleanup_oci_manifest struct oci_manifest manifest = {0};
    assert_int_equal(oci_manifest_parse(one.manifest, strlen(one.manifest), NULL, &manifest, &err),
                     0);
    assert_string_equal(oci_manifest_annotation(&manifest, OCI_ANNOTATION_CREATED),
                        "2023-11-14T22:13:20Z");
    assert_int_equal(oci_artifact_unpacked_size(&manifest, NULL), one.unpacked_size);

    cleanup_vec struct vec files = OCI_FILES;
    if (oci_unpack(one.layer, (size_t)one.layer_descriptor.size, &one.layer_descriptor,
                   one.diff_id.text, NULL, &files, &err) < 0)
        fail_msg("%s", error_message(&err));
    assert_int_equal(files.len, ARRAY_LENGTH(paths));
    vec_foreach (const struct oci_file, file, &files) {
        assert_int_equal(file->size, strlen(file->path));
        assert_string_equal(file->data, file->path);
    }
}

static void parse_manifest(const char *text, struct oci_manifest *ret_manifest)
{
    cleanup_error struct error err = {0};
    if (oci_manifest_parse(text, strlen(text), NULL, ret_manifest, &err) < 0)
        fail_msg("%s", error_message(&err));
}

static void test_oci_artifact_in_the_other_format(void **state)
{
    (void)state;
    cleanup_vec struct vec files = OCI_FILES;
    add_file(&files, "a.yaml", "a");
    struct oci_artifact_info other = info;
    other.format = oci_format_parse("Argo");
    cleanup_oci_artifact struct oci_artifact flux = {0}, argo = {0};
    cleanup_error struct error err = {0};
    assert_int_equal(oci_pack(&files, &info, &flux, &err), 0);
    assert_int_equal(oci_pack(&files, &other, &argo, &err), 0);
    assert_string_equal(flux.layer_descriptor.digest.text, argo.layer_descriptor.digest.text);

    cleanup_oci_manifest struct oci_manifest manifest = {0};
    const struct oci_descriptor *layer = NULL;
    parse_manifest(argo.manifest, &manifest);
    assert_string_equal(oci_manifest_type(&manifest), OCI_ARTIFACT_TYPE);
    assert_string_equal(manifest.config.media_type, OCI_MEDIA_EMPTY);
    assert_int_equal(oci_artifact_layer(&manifest, &layer, &err), 0);
    assert_string_equal(layer->media_type, OCI_MEDIA_LAYER_TAR_GZIP);
    assert_string_equal(oci_format_name(oci_layer_format(layer)), "Argo");
    assert_string_equal(oci_format_name(oci_layer_format(&flux.layer_descriptor)), "Flux");
}

#define ZEROS "sha256:0000000000000000000000000000000000000000000000000000000000000000"
#define LAYER(type) "{\"mediaType\":\"" type "\",\"digest\":\"" ZEROS "\",\"size\":1}"
#define CHART "application/vnd.cncf.helm.chart.content.v1.tar+gzip"

static void test_oci_artifact_layer_of_a_chart(void **state)
{
    (void)state;
    static const struct {
        const char *layers;
        bool taken;
    } cases[] = {
        {LAYER(CHART), true},
        {LAYER(CHART) "," LAYER(OCI_MEDIA_HELM_PROVENANCE), true},
        {LAYER(OCI_MEDIA_HELM_PROVENANCE) "," LAYER(CHART), true},
        {LAYER(OCI_MEDIA_HELM_PROVENANCE), false},
        {LAYER(OCI_MEDIA_HELM_PROVENANCE) "," LAYER(OCI_MEDIA_HELM_PROVENANCE), false},
        {LAYER(CHART) "," LAYER(CHART), false},
        {LAYER(CHART) "," LAYER(CHART) "," LAYER(OCI_MEDIA_HELM_PROVENANCE), false},
        {"", false},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        cleanup_oci_manifest struct oci_manifest manifest = {0};
        const struct oci_descriptor *layer = NULL;
        cleanup_free char *text =
            xasprintf("{\"schemaVersion\":2,\"mediaType\":\"" OCI_MEDIA_MANIFEST "\",\"config\":%s,"
                      "\"layers\":[%s]}",
                      LAYER("application/vnd.cncf.helm.config.v1+json"), cases[i].layers);
        parse_manifest(text, &manifest);
        if ((oci_artifact_layer(&manifest, &layer, NULL) == 0) != cases[i].taken)
            fail_msg("case %zu", i);
        if (cases[i].taken)
            assert_string_equal(layer->media_type, CHART);
    }
}

static void test_oci_artifact_pack_refuses(void **state)
{
    (void)state;
    static const struct {
        const char *one, *two, *sentence;
    } cases[] = {
        {"a", "a", "twice"},        {"a", "a/b", "below it"}, {"/a", "b", "absolute"},
        {"a/../b", "b", "segment"}, {"a//b", "b", "empty"},   {"a\\b", "b", "backslash"},
        {"a\nb", "b", "control"},   {"\xff", "b", "UTF-8"},   {"", "b", "empty"},
        {"./a", "b", "segment"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        cleanup_vec struct vec files = OCI_FILES;
        add_file(&files, cases[i].one, "x");
        add_file(&files, cases[i].two, "y");
        cleanup_oci_artifact struct oci_artifact artifact = {0};
        cleanup_error struct error err = {0};
        if (oci_pack(&files, &info, &artifact, &err) == 0)
            fail_msg("case %zu was accepted", i);
        if (strstr(error_message(&err), cases[i].sentence) == NULL)
            fail_msg("case %zu says: %s", i, error_message(&err));
    }
}

enum { TAR_BLOCK = 512 };

// ustar's header block, as far as it is used here.
struct tar_header {
    char name[100];
    char mode[8];
    char uid[8];
    char gid[8];
    char size[12];
    char mtime[12];
    char checksum[8];
    char type;
    char linkname[100];
    char magic[6];
    char version[2];
    char rest[247];
};
_Static_assert(sizeof(struct tar_header) == TAR_BLOCK, "a header is one block");

static void test_oci_artifact_pack_keeps_limits(void **state)
{
    (void)state;
    enum { SIZE = 8 << 20 };
    static const struct {
        size_t files;
        const char *sentence;
    } cases[] = {
        {17, "more than 134217728 bytes"},
        {1, "looks like a bomb"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        cleanup_vec struct vec files = OCI_FILES;
        for (size_t k = 0; k < cases[i].files; k++) {
            struct oci_file *file = vec_push(&files);
            *file = (struct oci_file){
                .path = xasprintf("%zu", k), .data = xcalloc(1, SIZE + 1), .size = SIZE};
        }
        cleanup_oci_artifact struct oci_artifact artifact = {0};
        cleanup_error struct error err = {0};
        assert_int_equal(oci_pack(&files, &info, &artifact, &err), -1);
        assert_int_equal(err.code, ERROR_LIMIT);
        if (strstr(error_message(&err), cases[i].sentence) == NULL)
            fail_msg("case %zu says: %s", i, error_message(&err));
    }
}

// One entry by hand, for what our writer never writes.
static void put_entry(struct strbuf *tar, const char *name, char type, const void *data,
                      size_t size)
{
    struct tar_header header = {.type = type, .magic = "ustar", .version = {'0', '0'}};
    memcpy(header.name, name, strnlen(name, sizeof header.name));
    snprintf(header.mode, sizeof header.mode, "0000644");
    snprintf(header.size, sizeof header.size, "%011o", (unsigned)size);
    memset(header.checksum, ' ', sizeof header.checksum);
    unsigned sum = 0;
    for (size_t i = 0; i < sizeof header; i++)
        sum += ((const unsigned char *)&header)[i];
    snprintf(header.checksum, sizeof header.checksum, "%06o", sum & 0777777);
    strbuf_add(tar, &header, sizeof header);
    strbuf_add(tar, data, size);
    while (tar->len % TAR_BLOCK != 0)
        strbuf_addch(tar, '\0');
}

static la_ssize_t take_compressed(struct archive *gzip, void *arg, const void *data, size_t size)
{
    (void)gzip;
    assert_int_equal(strbuf_add(arg, data, size), 0);
    return (la_ssize_t)size;
}

// Appends a gzip member.
static void put_gzip(struct strbuf *layer, const void *data, size_t size)
{
    struct archive *gzip = archive_write_new();
    struct archive_entry *entry = archive_entry_new();
    archive_entry_set_filetype(entry, AE_IFREG);
    assert_int_equal(archive_write_set_bytes_per_block(gzip, 0), ARCHIVE_OK);
    assert_int_equal(archive_write_set_format_raw(gzip), ARCHIVE_OK);
    assert_int_equal(archive_write_add_filter_gzip(gzip), ARCHIVE_OK);
    assert_int_equal(archive_write_open(gzip, layer, NULL, take_compressed, NULL), ARCHIVE_OK);
    assert_int_equal(archive_write_header(gzip, entry), ARCHIVE_OK);
    assert_int_equal(archive_write_data(gzip, data, size), (la_ssize_t)size);
    assert_int_equal(archive_write_close(gzip), ARCHIVE_OK);
    archive_entry_free(entry);
    archive_write_free(gzip);
}

static int unpack_layer(const struct strbuf *layer, const struct oci_limits *limits,
                        struct vec *files, struct error *err)
{
    cleanup_oci_descriptor struct oci_descriptor descriptor =
        oci_descriptor_of(OCI_MEDIA_FLUX_CONTENT, layer->data, layer->len);
    return oci_unpack(layer->data, layer->len, &descriptor, NULL, limits, files, err);
}

static int unpack_tar(const struct strbuf *tar, const struct oci_limits *limits, struct vec *files,
                      struct error *err)
{
    cleanup_strbuf struct strbuf layer;
    strbuf_init(&layer, 64 << 20);
    put_gzip(&layer, tar->data, tar->len);
    return unpack_layer(&layer, limits, files, err);
}

static void put_end(struct strbuf *tar)
{
    for (int i = 0; i < 2 * TAR_BLOCK; i++)
        strbuf_addch(tar, '\0');
}

static void test_oci_artifact_unpack_refuses(void **state)
{
    (void)state;
    static const char pax_size[] = "10 size=9\n";
    static const char pax_path[] = "14 path=../x\n\n";
    static const char pax_good[] = "12 path=b/c\n";
    static const char sparse[] = "22 GNU.sparse.size=10\n26 GNU.sparse.numblocks=1\n"
                                 "23 GNU.sparse.offset=9\n25 GNU.sparse.numbytes=0\n";
    static const struct {
        const char *name, *data, *second, *sentence;
        char type, second_type;
    } cases[] = {
        {.name = "a", .type = '2', .sentence = "a symbolic link"},
        {.name = "a", .type = '1', .sentence = "a hard link"},
        {.name = "a", .type = '3', .sentence = "a device"},
        {.name = "a", .type = '4', .sentence = "a device"},
        {.name = "a", .type = '6', .sentence = "a pipe"},
        {.name = "a", .type = 'S', .sentence = "a sparse file"},
        {.name = "a", .type = 'Z', .sentence = "unknown type"},
        {.name = "../a", .type = '0', .sentence = "\"..\""},
        {.name = "a/../b", .type = '0', .sentence = "\"..\""},
        {.name = "/a", .type = '0', .sentence = "absolute"},
        {.name = "a\\b", .type = '0', .sentence = "backslash"},
        {.name = "\xc0\xaf", .type = '0', .sentence = "UTF-8"},
        {.name = "a/", .type = '0', .sentence = "empty segment"},
        {.name = "", .type = '0', .sentence = "empty segment"},
        {.name = "a", .type = '5', .data = "x", .sentence = "has content"},
        {.name = "a", .type = '0', .second = "a", .second_type = '0', .sentence = "twice"},
        {.name = "a", .type = '0', .second = "./a", .second_type = '0', .sentence = "twice"},
        {.name = "a/", .type = '5', .second = "a", .second_type = '0', .sentence = "twice"},
        {.name = "a", .type = '0', .second = "a/b", .second_type = '0', .sentence = "below it"},
        {.name = "p",
         .type = 'x',
         .data = pax_size,
         .second = "a",
         .second_type = '0',
         .sentence = "another size"},
        {.name = "p",
         .type = 'x',
         .data = pax_path,
         .second = "a",
         .second_type = '0',
         .sentence = "control"},
        {.name = "p",
         .type = 'x',
         .data = "13 path=../x\n",
         .second = "a",
         .second_type = '0',
         .sentence = "\"..\""},
        {.name = "p",
         .type = 'x',
         .data = "18 linkpath=/etc/x\n",
         .second = "a",
         .second_type = '0',
         .sentence = "malformed"},
        {.name = "p",
         .type = 'x',
         .data = sparse,
         .second = "a",
         .second_type = '0',
         .sentence = "by its pax header"},
        {.name = "p", .type = 'x', .data = pax_good, .sentence = "damaged"},
        {.name = "p",
         .type = 'x',
         .data = pax_good,
         .second = "p",
         .second_type = 'x',
         .sentence = "damaged"},
        {.name = "p", .type = 'g', .data = "16 comment=0123\n", .sentence = "has no entry"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        cleanup_strbuf struct strbuf tar;
        strbuf_init(&tar, 1 << 20);
        const char *data = cases[i].data != NULL ? cases[i].data : "";
        put_entry(&tar, cases[i].name, cases[i].type, data, strlen(data));
        if (cases[i].second != NULL)
            put_entry(&tar, cases[i].second, cases[i].second_type, "", 0);
        put_end(&tar);
        cleanup_vec struct vec files = OCI_FILES;
        cleanup_error struct error err = {0};
        if (unpack_tar(&tar, NULL, &files, &err) == 0)
            fail_msg("case %zu (%s) was accepted", i, cases[i].sentence);
        if (strstr(error_message(&err), cases[i].sentence) == NULL)
            fail_msg("case %zu should say \"%s\", says: %s", i, cases[i].sentence,
                     error_message(&err));
        assert_int_equal(files.len, 0);
    }
}

static void test_oci_artifact_unpack_accepts_other_writers(void **state)
{
    (void)state;
    cleanup_strbuf struct strbuf tar;
    strbuf_init(&tar, 1 << 20);
    cleanup_free char *long_name = long_path();
    put_entry(&tar, "pax_global_header", 'g', "16 comment=0123\n", 16);
    put_entry(&tar, "./", '5', "", 0);
    put_entry(&tar, ".", '5', "", 0);
    put_entry(&tar, "dir", '5', "", 0);
    put_entry(&tar, "./dir/a", '0', "one", 3);
    put_entry(&tar, "p", 'x', "12 path=b/c\n21 mtime=1700000.123\n", 33);
    put_entry(&tar, "short", '\0', "two", 3);
    put_entry(&tar, "././@LongLink", 'L', long_name, strlen(long_name) + 1);
    put_entry(&tar, "cut", '0', "", 0);
    put_end(&tar);
    put_end(&tar);
    cleanup_vec struct vec files = OCI_FILES;
    cleanup_error struct error err = {0};
    if (unpack_tar(&tar, NULL, &files, &err) < 0)
        fail_msg("%s", error_message(&err));
    assert_int_equal(files.len, 3);
    assert_string_equal(((struct oci_file *)vec_at(&files, 0))->path, "dir/a");
    assert_string_equal(((struct oci_file *)vec_at(&files, 1))->path, "b/c");
    assert_string_equal(((struct oci_file *)vec_at(&files, 1))->data, "two");
    assert_string_equal(((struct oci_file *)vec_at(&files, 2))->path, long_name);
}

// libarchive converts and composes names; ours come back as they were, whatever the locale says.
static void test_oci_artifact_names_are_bytes(void **state)
{
    (void)state;
    static const char *const paths[] = {"a/e\xcc\x81.yaml", "a/\xc3\xa9.yaml",
                                        "\xe6\x96\x87/\xf0\x9f\x9a\xa2.yaml"};
    static const char *const locales[] = {"C", "C.UTF-8"};
    cleanup_vec struct vec files = OCI_FILES;
    for (size_t i = 0; i < ARRAY_LENGTH(paths); i++)
        add_file(&files, paths[i], paths[i]);
    struct digest expected = {0};
    for (size_t i = 0; i < ARRAY_LENGTH(locales); i++) {
        cleanup_oci_artifact struct oci_artifact artifact = {0};
        cleanup_vec struct vec unpacked = OCI_FILES;
        cleanup_error struct error err = {0};
        assert_non_null(setlocale(LC_ALL, locales[i]));
        if (oci_pack(&files, &info, &artifact, &err) < 0 ||
            oci_unpack(artifact.layer, (size_t)artifact.layer_descriptor.size,
                       &artifact.layer_descriptor, artifact.diff_id.text, NULL, &unpacked,
                       &err) < 0)
            fail_msg("%s", error_message(&err));
        setlocale(LC_ALL, "C");
        if (i == 0)
            expected = artifact.diff_id;
        assert_string_equal(artifact.diff_id.text, expected.text);
        assert_int_equal(unpacked.len, ARRAY_LENGTH(paths));
        vec_foreach (const struct oci_file, file, &unpacked)
            assert_string_equal(file->path, file->data);
    }
}

static void test_oci_artifact_unpack_wants_one_member_and_an_end(void **state)
{
    (void)state;
    cleanup_strbuf struct strbuf tar;
    strbuf_init(&tar, 1 << 20);
    put_entry(&tar, "a", '0', "one", 3);
    size_t unfinished = tar.len;
    put_end(&tar);
    cleanup_strbuf struct strbuf once;
    strbuf_init(&once, 1 << 20);
    put_gzip(&once, tar.data, tar.len);
    const struct {
        const void *first, *second;
        size_t first_size, second_size;
        const char *sentence;
    } cases[] = {
        {tar.data, tar.data, tar.len, tar.len, "several members"},
        {tar.data, tar.data + unfinished, unfinished, tar.len - unfinished, "several members"},
        {tar.data, "", tar.len, 0, "several members"},
        {tar.data, NULL, unfinished, 0, "cut off"},
        {tar.data, NULL, unfinished - 1, 0, "Truncated"},
        {tar.data, NULL, unfinished + TAR_BLOCK - 1, 0, "Truncated"},
        {once.data, NULL, once.len, 0, "damaged"},
        {"", NULL, 0, 0, "damaged"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        cleanup_strbuf struct strbuf layer;
        strbuf_init(&layer, 1 << 20);
        put_gzip(&layer, cases[i].first, cases[i].first_size);
        if (cases[i].second != NULL)
            put_gzip(&layer, cases[i].second, cases[i].second_size);
        cleanup_vec struct vec files = OCI_FILES;
        cleanup_error struct error err = {0};
        assert_int_equal(unpack_layer(&layer, NULL, &files, &err), -1);
        assert_int_equal(err.code, ERROR_INVALID);
        if (strstr(error_message(&err), cases[i].sentence) == NULL)
            fail_msg("case %zu says: %s", i, error_message(&err));
    }
}

static void test_oci_artifact_unpack_refuses_data_behind_the_end(void **state)
{
    (void)state;
    for (int zero_blocks = 1; zero_blocks <= 40; zero_blocks++) {
        cleanup_strbuf struct strbuf tar;
        strbuf_init(&tar, 1 << 20);
        put_entry(&tar, "a", '0', "one", 3);
        for (int i = 0; i < zero_blocks * TAR_BLOCK; i++)
            strbuf_addch(&tar, '\0');
        cleanup_vec struct vec files = OCI_FILES;
        cleanup_error struct error err = {0};
        assert_int_equal(unpack_tar(&tar, NULL, &files, &err), 0);
        put_entry(&tar, "b", '0', "two", 3);
        put_end(&tar);
        assert_int_equal(unpack_tar(&tar, NULL, &files, &err), -1);
        assert_non_null(strstr(error_message(&err), "behind its end"));
        assert_int_equal(files.len, 1);
    }
}

static void test_oci_artifact_unpack_keeps_limits(void **state)
{
    (void)state;
    cleanup_strbuf struct strbuf tar;
    strbuf_init(&tar, 64 << 20);
    cleanup_free char *zeros = xcalloc(1, 8 << 20);
    put_entry(&tar, "a", '0', zeros, 8 << 20);
    put_entry(&tar, "b", '0', "", 0);
    put_end(&tar);
    static const struct {
        struct oci_limits limits;
        const char *sentence;
    } cases[] = {
        {{.max_compressed = 100}, "the limit is 100"},
        {{.max_unpacked = 4 << 20, .max_ratio = 2000}, "more than 4194304 bytes"},
        {{.max_file = 1 << 20}, "file \"a\""},
        {{.max_files = 1, .max_ratio = 2000}, "more than 1 entries"},
        {{0}, "more than 500 times"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        cleanup_vec struct vec files = OCI_FILES;
        cleanup_error struct error err = {0};
        assert_int_equal(unpack_tar(&tar, &cases[i].limits, &files, &err), -1);
        if (strstr(error_message(&err), cases[i].sentence) == NULL)
            fail_msg("case %zu says: %s", i, error_message(&err));
        assert_int_equal(err.code, ERROR_LIMIT);
    }
}

static void test_oci_artifact_unpack_checks_bytes(void **state)
{
    (void)state;
    cleanup_vec struct vec files = OCI_FILES, unpacked = OCI_FILES;
    add_file(&files, "a", "b");
    cleanup_oci_artifact struct oci_artifact artifact = {0};
    cleanup_error struct error err = {0};
    assert_int_equal(oci_pack(&files, &info, &artifact, &err), 0);
    size_t size = (size_t)artifact.layer_descriptor.size;
    cleanup_oci_descriptor struct oci_descriptor other = oci_descriptor_of("a/b", "x", 1);
    assert_int_equal(oci_unpack(artifact.layer, size, &other, NULL, NULL, &unpacked, &err), -1);
    assert_int_equal(err.code, ERROR_UNVERIFIED);
    // As many bytes as were asked for, and other ones.
    other.size = (int64_t)size;
    assert_int_equal(oci_unpack(artifact.layer, size, &other, NULL, NULL, &unpacked, &err), -1);
    assert_int_equal(err.code, ERROR_UNVERIFIED);
    assert_non_null(strstr(error_message(&err), "its digest is sha256:"));
    assert_int_equal(oci_unpack(artifact.layer, size, &artifact.layer_descriptor, other.digest.text,
                                NULL, &unpacked, &err),
                     -1);
    assert_int_equal(err.code, ERROR_UNVERIFIED);
    // Data behind the member, and half a member.
    cleanup_free char *longer = xmalloc(size + 1);
    memcpy(longer, artifact.layer, size);
    longer[size] = 'x';
    for (size_t cut = 0; cut <= size + 1; cut++) {
        if (cut == size)
            continue;
        cleanup_oci_descriptor struct oci_descriptor right = oci_descriptor_of("a/b", longer, cut);
        assert_int_equal(oci_unpack(longer, cut, &right, NULL, NULL, &unpacked, &err), -1);
        assert_int_equal(err.code, ERROR_INVALID);
    }
    assert_int_equal(unpacked.len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_oci_artifact_same_in_same_out),
        cmocka_unit_test(test_oci_artifact_in_the_other_format),
        cmocka_unit_test(test_oci_artifact_layer_of_a_chart),
        cmocka_unit_test(test_oci_artifact_pack_refuses),
        cmocka_unit_test(test_oci_artifact_pack_keeps_limits),
        cmocka_unit_test(test_oci_artifact_unpack_refuses),
        cmocka_unit_test(test_oci_artifact_unpack_accepts_other_writers),
        cmocka_unit_test(test_oci_artifact_names_are_bytes),
        cmocka_unit_test(test_oci_artifact_unpack_wants_one_member_and_an_end),
        cmocka_unit_test(test_oci_artifact_unpack_refuses_data_behind_the_end),
        cmocka_unit_test(test_oci_artifact_unpack_keeps_limits),
        cmocka_unit_test(test_oci_artifact_unpack_checks_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
