// Layers: 'z' and a gzip stream, or anything else and a bare tar, which is put into stored blocks
// (so that the fuzzer need not find its way through deflate).
#include "base/memory.h"
#include "base/strbuf.h"
#include "oci/artifact.h"
#include "oci/layer.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void unpack_gzip(const void *data, size_t size, struct vec *files)
{
    static const struct oci_limits limits = {
        .max_unpacked = 1 << 20, .max_file = 1 << 16, .max_files = 1000};
    cleanup_oci_descriptor struct oci_descriptor descriptor =
        oci_descriptor_of(OCI_MEDIA_FLUX_CONTENT, data, size);
    cleanup_error struct error err = {0};
    if (oci_unpack(data, size, &descriptor, NULL, &limits, files, &err) < 0) {
        if (files->len > 0 || err.code == ERROR_NONE)
            abort();
        return;
    }
    vec_foreach (const struct oci_file, file, files)
        if (layer_path_check(file->path, &err) < 0 || file->data[file->size] != '\0')
            abort();
}

static void put_little_endian(struct strbuf *out, size_t number, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        strbuf_addch(out, (char)(number >> (8 * i) & 0xff));
}

// RFC 1952 and RFC 1951, section 3.2.4. Nobody reads the CRC.
static void store_as_gzip(const uint8_t *data, size_t size, struct strbuf *out)
{
    static const char header[10] = {0x1f, (char)0x8b, 8};
    strbuf_add(out, header, sizeof header);
    for (size_t done = 0, part; done < size || done == 0; done += part) {
        part = size - done < 0xffff ? size - done : 0xffff;
        strbuf_addch(out, done + part == size);
        put_little_endian(out, part, 2);
        put_little_endian(out, ~part, 2);
        strbuf_add(out, data + done, part);
        if (size == 0)
            break;
    }
    put_little_endian(out, 0, 4);
    put_little_endian(out, size, 4);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    cleanup_vec struct vec files = OCI_FILES;
    if (data[0] == 'z') {
        unpack_gzip(data + 1, size - 1, &files);
        return 0;
    }
    cleanup_strbuf struct strbuf layer;
    strbuf_init(&layer, 2 * size + 64);
    store_as_gzip(data + 1, size - 1, &layer);
    unpack_gzip(layer.data, layer.len, &files);
    return 0;
}
