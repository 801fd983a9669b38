// libarchive reads the tar; here is what it would let through. It gets the archive block by block,
// so that after a header was read the last block is that header, and what follows the last entry
// can be looked at.
#include "base/memory.h"
#include "oci/artifact.h"
#include "oci/layer_internal.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

// Fields of the header block; POSIX.1-2017, pax, table "ustar Header Block".
enum { SIZE_AT = 124, SIZE_LENGTH = 12, TYPE_AT = 156 };

struct entry {
    char *path; // owned
    bool is_folder;
};

struct reader {
    struct archive *tar;
    struct layer_stream *stream;
    const struct oci_limits *limits;
    struct vec *files;
    struct vec entries; // struct entry
    char block[TAR_BLOCK];
    size_t behind;       // bytes since the last entry
    bool is_zero_behind; // and whether they are all zero
    struct error err;    // what stopped the callback
};

static void release_entry(void *entry)
{
    free(((struct entry *)entry)->path);
}

static void release_reader(struct reader *reader)
{
    archive_read_free(reader->tar);
    layer_stream_free(reader->stream);
    vec_free(&reader->entries);
    error_release(&reader->err);
}
#define cleanup_reader __attribute__((cleanup(release_reader)))

static bool is_zero(const char *data, size_t size)
{
    return size == 0 || (data[0] == '\0' && memcmp(data, data + 1, size - 1) == 0);
}

static ssize_t next_block(struct reader *reader, struct error *err)
{
    ssize_t size = layer_stream_read(reader->stream, reader->block, sizeof reader->block, err);
    if (size <= 0)
        return size;
    reader->behind += (size_t)size;
    if (!is_zero(reader->block, (size_t)size))
        reader->is_zero_behind = false;
    return size;
}

static la_ssize_t give_block(struct archive *tar, void *arg, const void **ret_block)
{
    struct reader *reader = arg;
    ssize_t size = reader->err.code != ERROR_NONE ? -1 : next_block(reader, &reader->err);
    if (size < 0)
        archive_set_error(tar, EIO, "%s", error_message(&reader->err));
    *ret_block = reader->block;
    return size;
}

static void begin_behind(struct reader *reader)
{
    reader->behind = 0;
    reader->is_zero_behind = true;
}

static int failed(struct reader *reader, struct error *err)
{
    if (reader->err.code != ERROR_NONE)
        return error_move(err, &reader->err);
    const char *why = archive_error_string(reader->tar);
    return error_set(err, ERROR_INVALID, "the archive is no tar, or is damaged (%s)",
                     why != NULL ? why : "no reason given");
}

// Names are read in the locale "C", which leaves their bytes alone; libarchive then warns of each
// pax record with a name beyond ASCII. In a UTF-8 locale it would compose characters, and a file
// would come out under another name. layer_path_check judges the bytes.
static bool is_name_kept_as_is(struct archive *tar, int status)
{
    static const char expected[] = "Pathname can't be converted";
    const char *warning = archive_error_string(tar);
    return status == ARCHIVE_WARN && warning != NULL &&
           strncmp(warning, expected, strlen(expected)) == 0;
}

// "./a" is "a" and a folder's "a/" is "a"; "." and "./" are the root and become "".
static char *normal_path(const char *name, bool is_folder)
{
    while (name[0] == '.' && name[1] == '/')
        name += 2;
    size_t length = strlen(name);
    if (is_folder && length > 0 && name[length - 1] == '/')
        length--;
    if (is_folder && length == 1 && name[0] == '.')
        length = 0;
    return xstrndup(name, length);
}

static const char *type_name(char type)
{
    switch (type) {
    case '1':
        return "a hard link";
    case '2':
        return "a symbolic link";
    case '3':
    case '4':
        return "a device";
    case '6':
        return "a pipe";
    case 'S':
        return "a sparse file";
    default:
        return "of an unknown type";
    }
}

// libarchive takes the types it does not know for files, and lets pax records turn one thing into
// another. Nothing of that kind is needed here: the header itself must say what libarchive says.
static int check_kind(const struct reader *reader, struct archive_entry *entry, const char *path,
                      struct error *err)
{
    char type = reader->block[TYPE_AT];
    if (type != '0' && type != '\0' && type != '5')
        return error_set(err, ERROR_INVALID,
                         "entry \"%s\" is %s; only files and folders are accepted", path,
                         type_name(type));
    if (archive_entry_filetype(entry) != (type == '5' ? AE_IFDIR : AE_IFREG) ||
        archive_entry_hardlink(entry) != NULL || archive_entry_symlink(entry) != NULL ||
        archive_entry_sparse_count(entry) > 0)
        return error_set(err, ERROR_INVALID,
                         "entry \"%s\" is a link or a sparse file by its pax header", path);
    char digits[SIZE_LENGTH + 1] = "";
    memcpy(digits, reader->block + SIZE_AT, SIZE_LENGTH);
    unsigned long long size = strtoull(digits, NULL, 8);
    if (type == '5' && size != 0)
        return error_set(err, ERROR_INVALID, "folder \"%s\" has content", path);
    if (type != '5' && (la_int64_t)size != archive_entry_size(entry))
        return error_set(err, ERROR_INVALID, "a pax header gives \"%s\" another size", path);
    return 0;
}

static int read_content(struct reader *reader, const char *path, size_t size, struct error *err)
{
    struct oci_file *file = vec_push(reader->files);
    // size is bounded by the limit of one file; the memory is touched only as the bytes arrive.
    *file = (struct oci_file){.path = xstrdup(path), .data = xmalloc(size + 1), .size = size};
    file->data[size] = '\0';
    size_t filled = 0;
    for (;;) {
        const void *data;
        size_t length;
        la_int64_t offset;
        int status = archive_read_data_block(reader->tar, &data, &length, &offset);
        if (status != ARCHIVE_OK && status != ARCHIVE_EOF)
            return failed(reader, err);
        // The end has an offset too: that of a sparse file is behind a last hole.
        if (offset != (la_int64_t)filled || length > size - filled)
            return error_set(err, ERROR_INVALID, "entry \"%s\" is a sparse file", path);
        if (status == ARCHIVE_EOF)
            break;
        memcpy(file->data + filled, data, length);
        filled += length;
    }
    if (filled != size)
        return error_set(err, ERROR_INVALID, "the archive is cut off in \"%s\"", path);
    return 0;
}

static int take_entry(struct reader *reader, struct archive_entry *entry, struct error *err)
{
    bool is_folder = reader->block[TYPE_AT] == '5';
    const char *name = archive_entry_pathname(entry);
    if (name == NULL)
        return error_set(err, ERROR_INVALID, "a name in the archive is unreadable");
    cleanup_free char *path = normal_path(name, is_folder);
    bool is_root = is_folder && path[0] == '\0';
    if ((!is_root && layer_path_check(path, err) < 0) || check_kind(reader, entry, path, err) < 0)
        return -1;
    if (is_root)
        return 0;
    size_t size = is_folder ? 0 : (size_t)archive_entry_size(entry);
    if (size > reader->limits->max_file)
        return error_set(err, ERROR_LIMIT, "file \"%s\" has %zu bytes; the limit is %zu", path,
                         size, reader->limits->max_file);
    if (reader->entries.len >= reader->limits->max_files)
        return error_set(err, ERROR_LIMIT, "the archive has more than %zu entries",
                         reader->limits->max_files);
    if (!is_folder && read_content(reader, path, size, err) < 0)
        return -1;
    struct entry *seen = vec_push(&reader->entries);
    *seen = (struct entry){.path = STEAL(path), .is_folder = is_folder};
    return 0;
}

// Behind the last entry there is at least one block, and nothing but zeros.
static int read_end(struct reader *reader, struct error *err)
{
    ssize_t size;
    do {
        size = next_block(reader, err);
        if (size < 0)
            return -1;
    } while (size > 0);
    if (!reader->is_zero_behind)
        return error_set(err, ERROR_INVALID,
                         "the archive goes on behind its end, or a header in it has no entry");
    if (reader->behind < TAR_BLOCK)
        return error_set(err, ERROR_INVALID, "the archive is cut off");
    return 0;
}

static int read_entries(struct reader *reader, struct error *err)
{
    begin_behind(reader);
    if (archive_read_open(reader->tar, reader, NULL, give_block, NULL) != ARCHIVE_OK)
        return failed(reader, err);
    for (;;) {
        struct archive_entry *entry;
        int status = archive_read_next_header(reader->tar, &entry);
        if (status == ARCHIVE_EOF)
            return read_end(reader, err);
        if (status != ARCHIVE_OK && !is_name_kept_as_is(reader->tar, status))
            return failed(reader, err);
        if (take_entry(reader, entry, err) < 0)
            return -1;
        begin_behind(reader);
    }
}

static int compare_entries(const void *a, const void *b)
{
    const struct entry *left = a, *right = b;
    return layer_path_compare(left->path, right->path);
}

// No two entries may contradict each other.
static int check_entries(struct vec *entries, struct error *err)
{
    vec_sort(entries, compare_entries);
    const struct entry *last = NULL;
    vec_foreach (const struct entry, entry, entries) {
        size_t length = last != NULL ? strlen(last->path) : 0;
        if (last != NULL && strcmp(last->path, entry->path) == 0)
            return error_set(err, ERROR_INVALID, "entry \"%s\" is there twice", entry->path);
        // What lies below a path follows it at once in this order.
        if (last != NULL && !last->is_folder && strncmp(last->path, entry->path, length) == 0 &&
            entry->path[length] == '/')
            return error_set(err, ERROR_INVALID, "\"%s\" is a file, but \"%s\" is below it",
                             last->path, entry->path);
        last = entry;
    }
    return 0;
}

int layer_read(const void *layer, size_t size, const struct oci_limits *limits, struct vec *files,
               struct digest *ret_diff_id, struct error *err)
{
    scoped_layer_locale struct layer_locale locale = layer_locale_use("C");
    cleanup_reader struct reader reader = {
        .tar = archive_read_new(),
        .stream = layer_stream_new(layer, size, limits),
        .limits = limits,
        .files = files,
        .entries = VEC_OF(struct entry, release_entry),
    };
    if (reader.tar == NULL || archive_read_support_format_tar(reader.tar) != ARCHIVE_OK)
        abort();
    if (read_entries(&reader, err) < 0 || check_entries(&reader.entries, err) < 0)
        return -1;
    *ret_diff_id = layer_stream_digest(reader.stream);
    return 0;
}
