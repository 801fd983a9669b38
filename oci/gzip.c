#include "oci/gzip.h"

#include "base/memory.h"

#include <limits.h>
#include <stdlib.h>
#include <zlib.h>

enum {
    GZIP_WINDOW = 15 + 16, // zlib.h: 16 more asks for gzip instead of zlib framing
    LEVEL = 6,
    MEMORY_LEVEL = 8, // zlib's default
    PIECE = 64 * 1024,
    RATIO_FREE = 1 << 20, // small things of much repetition are no bombs
};

struct gzip_writer {
    z_stream zlib;
    struct strbuf *out;
};

// zlib's structs know no const input.
static Bytef *input_of(const void *data)
{
    return (Bytef *)(uintptr_t)data;
}

struct gzip_writer *gzip_writer_new(struct strbuf *out)
{
    struct gzip_writer *writer = xcalloc(1, sizeof *writer);
    writer->out = out;
    // Without deflateSetHeader zlib writes no name and a time of zero.
    if (deflateInit2(&writer->zlib, LEVEL, Z_DEFLATED, GZIP_WINDOW, MEMORY_LEVEL,
                     Z_DEFAULT_STRATEGY) != Z_OK)
        abort();
    return writer;
}

void gzip_writer_free(struct gzip_writer *writer)
{
    if (writer == NULL)
        return;
    deflateEnd(&writer->zlib);
    free(writer);
}

void cleanup_gzip_writer_pointer(struct gzip_writer **writer)
{
    gzip_writer_free(*writer);
}

// Runs deflate until it has taken all input (and, to finish, has given all output).
static int run_deflate(struct gzip_writer *writer, int flush, struct error *err)
{
    char piece[PIECE / 4];
    int status;
    do {
        writer->zlib.next_out = (Bytef *)piece;
        writer->zlib.avail_out = sizeof piece;
        status = deflate(&writer->zlib, flush);
        if (status == Z_STREAM_ERROR)
            abort();
        if (strbuf_add(writer->out, piece, sizeof piece - writer->zlib.avail_out) < 0)
            return strbuf_check(writer->out, "the compressed archive", err);
    } while (writer->zlib.avail_out == 0 || (flush == Z_FINISH && status != Z_STREAM_END));
    return 0;
}

int gzip_writer_add(struct gzip_writer *writer, const void *data, size_t size, struct error *err)
{
    const char *cursor = data;
    while (size > 0) {
        uInt chunk = size < UINT_MAX ? (uInt)size : UINT_MAX;
        writer->zlib.next_in = input_of(cursor);
        writer->zlib.avail_in = chunk;
        if (run_deflate(writer, Z_NO_FLUSH, err) < 0)
            return -1;
        cursor += chunk;
        size -= chunk;
    }
    return 0;
}

int gzip_writer_end(struct gzip_writer *writer, struct error *err)
{
    writer->zlib.next_in = NULL;
    writer->zlib.avail_in = 0;
    return run_deflate(writer, Z_FINISH, err);
}

static int check_bomb(const z_stream *zlib, const struct gzip_limits *limits, struct error *err)
{
    if (zlib->total_out > limits->max_bytes)
        return error_set(err, ERROR_LIMIT, "it unpacks to more than %zu bytes", limits->max_bytes);
    if (zlib->total_out > RATIO_FREE && zlib->total_out / limits->max_ratio > zlib->total_in)
        return error_set(err, ERROR_LIMIT, "it unpacks to more than %u times its size",
                         limits->max_ratio);
    return 0;
}

static int run_inflate(z_stream *zlib, unsigned char *piece, const struct gzip_limits *limits,
                       int (*sink)(void *arg, const void *piece, size_t piece_size,
                                   struct error *err),
                       void *arg, struct error *err)
{
    for (;;) {
        zlib->next_out = piece;
        zlib->avail_out = PIECE;
        int status = inflate(zlib, Z_NO_FLUSH);
        if (status == Z_BUF_ERROR || (status == Z_OK && zlib->avail_out == PIECE))
            return error_set(err, ERROR_INVALID, "the gzip stream is cut off");
        if (status != Z_OK && status != Z_STREAM_END)
            return error_set(err, ERROR_INVALID, "it is no gzip, or is damaged");
        if (check_bomb(zlib, limits, err) < 0)
            return -1;
        if (PIECE - zlib->avail_out > 0 && sink(arg, piece, PIECE - zlib->avail_out, err) < 0)
            return -1;
        if (status == Z_STREAM_END)
            break;
    }
    if (zlib->avail_in > 0)
        return error_set(err, ERROR_INVALID, "there is data behind its gzip stream");
    return 0;
}

int gzip_read(const void *data, size_t size, const struct gzip_limits *limits,
              int (*sink)(void *arg, const void *piece, size_t piece_size, struct error *err),
              void *arg, struct error *err)
{
    if (size > UINT_MAX)
        return error_set(err, ERROR_LIMIT, "the gzip stream has more than 4 GiB");
    z_stream zlib = {.next_in = input_of(data), .avail_in = (uInt)size};
    if (inflateInit2(&zlib, GZIP_WINDOW) != Z_OK)
        abort();
    cleanup_free unsigned char *piece = xmalloc(PIECE);
    int result = run_inflate(&zlib, piece, limits, sink, arg, err);
    inflateEnd(&zlib);
    return result;
}
