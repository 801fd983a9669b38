// libarchive inflates; its reader of "raw" archives hands out what a filter gives. It goes on to a
// next gzip member, passes over what is behind the last one and compares no trailer, so these are
// looked at here. The CRC is not: the layer's digest was compared before a byte was inflated.
#include "base/memory.h"
#include "oci/artifact.h"
#include "oci/layer_internal.h"

#include <archive.h>
#include <archive_entry.h>
#include <endian.h>
#include <stdlib.h>
#include <string.h>

enum {
    RATIO_FREE = 1 << 20, // small things of much repetition are no bombs
};

struct layer_stream {
    struct archive *gzip;
    const char *layer;
    size_t layer_size;
    const struct oci_limits *limits;
    struct digest_stream *hash;
    const char *piece; // libarchive's, until the next is asked for
    size_t piece_size;
    size_t total;
    bool is_open, is_at_end;
};

struct layer_stream *layer_stream_new(const void *layer, size_t size,
                                      const struct oci_limits *limits)
{
    struct layer_stream *stream = xcalloc(1, sizeof *stream);
    stream->layer = layer;
    stream->layer_size = size;
    stream->limits = limits;
    stream->hash = digest_stream_new();
    stream->gzip = archive_read_new();
    // One gzip filter by order, not by looking: looking would also unpack gzip within gzip.
    if (stream->gzip == NULL || archive_read_support_format_raw(stream->gzip) != ARCHIVE_OK ||
        archive_read_append_filter(stream->gzip, ARCHIVE_FILTER_GZIP) != ARCHIVE_OK)
        abort();
    return stream;
}

void layer_stream_free(struct layer_stream *stream)
{
    if (stream == NULL)
        return;
    archive_read_free(stream->gzip);
    digest_stream_free(stream->hash);
    free(stream);
}

void cleanup_layer_stream_pointer(struct layer_stream **stream)
{
    layer_stream_free(*stream);
}

static int open_stream(struct layer_stream *stream, struct error *err)
{
    struct archive_entry *entry;
    if (archive_read_open_memory(stream->gzip, stream->layer, stream->layer_size) != ARCHIVE_OK ||
        archive_read_next_header(stream->gzip, &entry) != ARCHIVE_OK)
        return error_set(err, ERROR_INVALID, "it is no gzip, or is damaged");
    stream->is_open = true;
    return 0;
}

static int check_bomb(const struct layer_stream *stream, struct error *err)
{
    const struct oci_limits *limits = stream->limits;
    size_t taken = (size_t)archive_filter_bytes(stream->gzip, -1);
    if (stream->total > limits->max_unpacked)
        return error_set(err, ERROR_LIMIT, "it unpacks to more than %zu bytes",
                         limits->max_unpacked);
    if (stream->total > RATIO_FREE && stream->total / limits->max_ratio > taken)
        return error_set(err, ERROR_LIMIT, "it unpacks to more than %u times its size",
                         limits->max_ratio);
    return 0;
}

static int check_end(const struct layer_stream *stream, struct error *err)
{
    size_t taken = (size_t)archive_filter_bytes(stream->gzip, -1);
    if (taken != stream->layer_size)
        return error_set(err, ERROR_INVALID, "there is data behind its gzip stream");
    // The last four bytes are the size of what the last member holds. Only members that hold
    // nothing escape this.
    uint32_t size;
    memcpy(&size, stream->layer + stream->layer_size - sizeof size, sizeof size);
    if (le32toh(size) != stream->total)
        return error_set(err, ERROR_INVALID,
                         "its gzip stream has several members, or gives a wrong size");
    return 0;
}

static int next_piece(struct layer_stream *stream, struct error *err)
{
    if (!stream->is_open && open_stream(stream, err) < 0)
        return -1;
    const void *piece;
    la_int64_t offset;
    int status = archive_read_data_block(stream->gzip, &piece, &stream->piece_size, &offset);
    if (status == ARCHIVE_EOF) {
        stream->is_at_end = true;
        stream->piece_size = 0;
        return check_end(stream, err);
    }
    if (status != ARCHIVE_OK)
        return error_set(err, ERROR_INVALID, "it is no gzip, is damaged, or is cut off");
    stream->piece = piece;
    stream->total += stream->piece_size;
    digest_stream_add(stream->hash, piece, stream->piece_size);
    return check_bomb(stream, err);
}

ssize_t layer_stream_read(struct layer_stream *stream, void *block, size_t size, struct error *err)
{
    size_t filled = 0;
    while (filled < size && !stream->is_at_end) {
        if (stream->piece_size == 0 && next_piece(stream, err) < 0)
            return -1;
        size_t part = size - filled < stream->piece_size ? size - filled : stream->piece_size;
        if (part == 0)
            continue;
        memcpy((char *)block + filled, stream->piece, part);
        stream->piece += part;
        stream->piece_size -= part;
        filled += part;
    }
    return (ssize_t)filled;
}

struct digest layer_stream_digest(struct layer_stream *stream)
{
    return digest_stream_end(stream->hash);
}
