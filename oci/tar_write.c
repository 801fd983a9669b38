#include "base/memory.h"
#include "base/strbuf.h"
#include "oci/tar.h"
#include "oci/tar_header.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

static const char zeros[2 * TAR_BLOCK];

static void put_octal(char *field, size_t size, size_t number)
{
    char text[24];
    int length = snprintf(text, sizeof text, "%0*zo", (int)size - 1, number);
    assert(length == (int)size - 1);
    (void)length;
    memcpy(field, text, size);
}

static void fill_header(struct tar_header *header, char type, size_t size)
{
    put_octal(header->mode, sizeof header->mode, type == '5' ? 0755 : 0644);
    put_octal(header->uid, sizeof header->uid, 0);
    put_octal(header->gid, sizeof header->gid, 0);
    put_octal(header->size, sizeof header->size, size);
    put_octal(header->mtime, sizeof header->mtime, 0);
    put_octal(header->devmajor, sizeof header->devmajor, 0);
    put_octal(header->devminor, sizeof header->devminor, 0);
    header->type = type;
    memcpy(header->magic, "ustar", 6);
    memcpy(header->version, "00", 2);
    memset(header->checksum, ' ', sizeof header->checksum);
    size_t sum = 0;
    for (size_t i = 0; i < sizeof *header; i++)
        sum += ((const unsigned char *)header)[i];
    // Six digits, NUL, space, as every writer has done it since v7.
    put_octal(header->checksum, sizeof header->checksum - 1, sum);
}

// Whether the name fits into name and prefix; fills them.
static bool place_name(struct tar_header *header, const char *name)
{
    size_t size = strlen(name);
    for (const char *cursor = name; *cursor != '\0'; cursor++)
        if ((unsigned char)*cursor >= 0x80)
            return false;
    if (size <= sizeof header->name) {
        memcpy(header->name, name, size);
        return true;
    }
    // The last slash that leaves a name that fits and is not empty.
    for (size_t cut = size - 2; cut > 0; cut--) {
        if (name[cut] != '/')
            continue;
        if (size - cut - 1 > sizeof header->name)
            return false;
        if (cut <= sizeof header->prefix) {
            memcpy(header->prefix, name, cut);
            memcpy(header->name, name + cut + 1, size - cut - 1);
            return true;
        }
    }
    return false;
}

static int put_padded(const struct tar_writer *writer, const void *data, size_t size,
                      struct error *err)
{
    if (size > 0 && writer->sink(writer->arg, data, size, err) < 0)
        return -1;
    size_t rest = size % TAR_BLOCK;
    return rest == 0 ? 0 : writer->sink(writer->arg, zeros, TAR_BLOCK - rest, err);
}

// "<length> path=<name>\n", where length counts itself.
static void pax_path_record(const char *name, struct strbuf *record)
{
    size_t rest = strlen(" path=\n") + strlen(name);
    size_t total = rest;
    for (size_t last = 0; total != last;) {
        last = total;
        total = rest + (size_t)snprintf(NULL, 0, "%zu", last);
    }
    strbuf_addf(record, "%zu path=%s\n", total, name);
}

static int put_pax(const struct tar_writer *writer, const char *name, struct error *err)
{
    cleanup_strbuf struct strbuf record;
    strbuf_init(&record, TAR_MAX_PATH + 64);
    pax_path_record(name, &record);
    struct tar_header header = {.name = "PaxHeaders/path"};
    fill_header(&header, 'x', record.len);
    if (writer->sink(writer->arg, &header, sizeof header, err) < 0)
        return -1;
    return put_padded(writer, record.data, record.len, err);
}

static int put_header(const struct tar_writer *writer, const char *name, char type, size_t size,
                      struct error *err)
{
    struct tar_header header = {0};
    if (!place_name(&header, name)) {
        if (put_pax(writer, name, err) < 0)
            return -1;
        size_t length = strlen(name);
        memcpy(header.name, name, length < sizeof header.name ? length : sizeof header.name);
    }
    fill_header(&header, type, size);
    return writer->sink(writer->arg, &header, sizeof header, err);
}

int tar_write_file(const struct tar_writer *writer, const char *path, const void *data, size_t size,
                   struct error *err)
{
    if (put_header(writer, path, '0', size, err) < 0)
        return -1;
    return put_padded(writer, data, size, err);
}

int tar_write_folder(const struct tar_writer *writer, const char *path, struct error *err)
{
    cleanup_free char *name = xasprintf("%s/", path);
    return put_header(writer, name, '5', 0, err);
}

int tar_write_end(const struct tar_writer *writer, struct error *err)
{
    return writer->sink(writer->arg, zeros, sizeof zeros, err);
}
