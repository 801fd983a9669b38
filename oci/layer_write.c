// The way of the bytes: libarchive's tar writer, hash of the tar, libarchive's gzip writer, memory.
#include "base/memory.h"
#include "base/strbuf.h"
#include "oci/artifact.h"
#include "oci/layer_internal.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdlib.h>

struct layer_writer {
    const struct oci_limits *limits;
    struct archive *tar;
    struct archive *gzip;
    struct archive_entry *entry;
    struct digest_stream *hash;
    size_t tar_size;
    struct strbuf layer;
    struct error err; // what stopped a callback
};

static la_ssize_t take_compressed(struct archive *gzip, void *arg, const void *data, size_t size)
{
    struct layer_writer *writer = arg;
    if (strbuf_add(&writer->layer, data, size) == 0)
        return (la_ssize_t)size;
    if (writer->err.code == ERROR_NONE &&
        strbuf_check(&writer->layer, "the compressed archive", &writer->err) < 0)
        archive_set_error(gzip, EFBIG, "%s", error_message(&writer->err));
    return -1;
}

static la_ssize_t take_tar(struct archive *tar, void *arg, const void *data, size_t size)
{
    struct layer_writer *writer = arg;
    // An archive that is freed unfinished still tries to write its end.
    if (writer->err.code != ERROR_NONE)
        return -1;
    writer->tar_size += size;
    if (writer->tar_size > writer->limits->max_unpacked)
        error_set(&writer->err, ERROR_LIMIT,
                  "the artifact has more than %zu bytes; split it into several Bundles",
                  writer->limits->max_unpacked);
    digest_stream_add(writer->hash, data, size);
    if (writer->err.code == ERROR_NONE &&
        archive_write_data(writer->gzip, data, size) == (la_ssize_t)size)
        return (la_ssize_t)size;
    archive_set_error(tar, EIO, "%s", error_message(&writer->err));
    return -1;
}

// For calls that fail only for want of memory, or for a mistake of ours.
static void must(int status)
{
    if (status != ARCHIVE_OK)
        abort();
}

static struct archive *new_archive(void)
{
    struct archive *archive = archive_write_new();
    if (archive == NULL)
        abort();
    // Hand on at once, and do not fill up the last block.
    must(archive_write_set_bytes_per_block(archive, 0));
    return archive;
}

struct layer_writer *layer_writer_new(const struct oci_limits *limits)
{
    struct layer_writer *writer = xcalloc(1, sizeof *writer);
    writer->limits = limits;
    strbuf_init(&writer->layer, limits->max_compressed);
    writer->hash = digest_stream_new();
    writer->entry = archive_entry_new();
    if (writer->entry == NULL)
        abort();

    writer->gzip = new_archive();
    must(archive_write_set_format_raw(writer->gzip));
    must(archive_write_add_filter_gzip(writer->gzip));
    must(archive_write_set_options(writer->gzip, "gzip:!timestamp,gzip:compression-level=6"));
    must(archive_write_open(writer->gzip, writer, NULL, take_compressed, NULL));
    archive_entry_set_filetype(writer->entry, AE_IFREG);
    must(archive_write_header(writer->gzip, writer->entry));

    writer->tar = new_archive();
    // "Restricted" is ustar, with a pax record where a name does not fit.
    must(archive_write_set_format_pax_restricted(writer->tar));
    must(archive_write_open(writer->tar, writer, NULL, take_tar, NULL));
    return writer;
}

void layer_writer_free(struct layer_writer *writer)
{
    if (writer == NULL)
        return;
    archive_write_free(writer->tar);
    archive_write_free(writer->gzip);
    archive_entry_free(writer->entry);
    digest_stream_free(writer->hash);
    strbuf_release(&writer->layer);
    error_release(&writer->err);
    free(writer);
}

void cleanup_layer_writer_pointer(struct layer_writer **writer)
{
    layer_writer_free(*writer);
}

static int failed(struct layer_writer *writer, struct archive *archive, struct error *err)
{
    if (writer->err.code != ERROR_NONE)
        return error_move(err, &writer->err);
    const char *why = archive_error_string(archive);
    return error_set(err, ERROR_INTERNAL, "libarchive cannot write the archive: %s",
                     why != NULL ? why : "no reason given");
}

static int put_header(struct layer_writer *writer, const char *path, bool is_folder, size_t size,
                      struct error *err)
{
    struct archive_entry *entry = archive_entry_clear(writer->entry);
    archive_entry_set_pathname(entry, path);
    archive_entry_set_filetype(entry, is_folder ? AE_IFDIR : AE_IFREG);
    archive_entry_set_perm(entry, is_folder ? 0755 : 0644);
    archive_entry_set_size(entry, (la_int64_t)size);
    archive_entry_set_mtime(entry, 0, 0);
    // Pax records are UTF-8, as the path is: with this locale its bytes go in as they are. In "C"
    // libarchive would write a name of an unknown charset.
    scoped_layer_locale struct layer_locale locale = layer_locale_use("C.UTF-8");
    if (archive_write_header(writer->tar, entry) == ARCHIVE_OK)
        return 0;
    return failed(writer, writer->tar, err);
}

int layer_write_file(struct layer_writer *writer, const char *path, const void *data, size_t size,
                     struct error *err)
{
    if (put_header(writer, path, false, size, err) < 0)
        return -1;
    if (archive_write_data(writer->tar, data, size) != (la_ssize_t)size)
        return failed(writer, writer->tar, err);
    return 0;
}

int layer_write_folder(struct layer_writer *writer, const char *path, struct error *err)
{
    return put_header(writer, path, true, 0, err);
}

int layer_writer_end(struct layer_writer *writer, struct layer *ret_layer, struct error *err)
{
    if (archive_write_close(writer->tar) != ARCHIVE_OK)
        return failed(writer, writer->tar, err);
    if (archive_write_close(writer->gzip) != ARCHIVE_OK)
        return failed(writer, writer->gzip, err);
    *ret_layer = (struct layer){
        .size = writer->layer.len,
        .unpacked_size = writer->tar_size,
        .diff_id = digest_stream_end(writer->hash),
    };
    ret_layer->data = strbuf_steal(&writer->layer);
    return 0;
}
