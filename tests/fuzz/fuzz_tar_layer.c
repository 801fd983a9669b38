// Layers: 'z' and a gzip stream, or anything else and a bare tar (so that the fuzzer need not find
// its way through deflate).
#include "base/memory.h"
#include "oci/artifact.h"
#include "oci/tar.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void unpack_gzip(const uint8_t *data, size_t size, struct vec *files)
{
    static const struct oci_limits limits = {.max_unpacked = 1 << 20, .max_file = 1 << 16};
    cleanup_oci_descriptor struct oci_descriptor descriptor =
        oci_descriptor_of(OCI_MEDIA_FLUX_CONTENT, data, size);
    cleanup_error struct error err = {0};
    if (oci_unpack(data, size, &descriptor, NULL, &limits, files, &err) < 0 && files->len > 0)
        abort();
}

static void read_tar(const uint8_t *data, size_t size, struct vec *files)
{
    static const struct tar_limits limits = {.max_file = 1 << 16, .max_entries = 1000};
    cleanup_tar_reader struct tar_reader *reader = tar_reader_new(&limits, files);
    cleanup_error struct error err = {0};
    // Two pieces, so that state is carried over a cut anywhere.
    size_t cut = size / 3;
    if (tar_reader_feed(reader, data, cut, &err) < 0 ||
        tar_reader_feed(reader, data + cut, size - cut, &err) < 0 ||
        tar_reader_end(reader, &err) < 0)
        return;
    vec_foreach (const struct oci_file, file, files)
        if (tar_path_check(file->path, &err) < 0 || file->data[file->size] != '\0')
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    cleanup_vec struct vec files = OCI_FILES;
    if (data[0] == 'z')
        unpack_gzip(data + 1, size - 1, &files);
    else
        read_tar(data + 1, size - 1, &files);
    return 0;
}
