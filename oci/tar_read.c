// The reader is a small machine that is fed bytes:
//
//     HEADER ──file──▶ CONTENT ──▶ PADDING ──▶ HEADER
//       │ └──x g L──▶ RECORD ───▶ PADDING ──▶ HEADER (the name waits for its entry)
//       └─zero block──▶ END (only zeros may follow)
#include "base/memory.h"
#include "base/strbuf.h"
#include "oci/artifact.h"
#include "oci/tar_internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_RECORD = 64 * 1024 };

enum state { HEADER, CONTENT, RECORD, PADDING, END };

struct entry {
    char *path; // owned
    bool is_folder;
};

struct tar_reader {
    struct tar_limits limits;
    struct vec *files;
    struct vec entries; // struct entry
    enum state state;
    union {
        struct tar_header header;
        char block[TAR_BLOCK];
    };
    size_t block_fill;
    size_t padding;
    char record_type; // of the x, g or L header whose content is being read
    struct strbuf record;
    size_t record_size;
    char *next_path;       // from a pax or L record, for the entry to come; owned
    struct oci_file *file; // being filled; the last of files
    size_t file_fill;
};

static void release_entry(void *entry)
{
    free(((struct entry *)entry)->path);
}

struct tar_reader *tar_reader_new(const struct tar_limits *limits, struct vec *files)
{
    struct tar_reader *reader = xcalloc(1, sizeof *reader);
    reader->limits = *limits;
    reader->files = files;
    reader->entries = VEC_OF(struct entry, release_entry);
    strbuf_init(&reader->record, MAX_RECORD);
    return reader;
}

void tar_reader_free(struct tar_reader *reader)
{
    if (reader == NULL)
        return;
    vec_free(&reader->entries);
    strbuf_release(&reader->record);
    free(reader->next_path);
    free(reader);
}

void cleanup_tar_reader_pointer(struct tar_reader **reader)
{
    tar_reader_free(*reader);
}

// Octal digits, spaces before, a space or NUL (or the field's end) behind. Base-256 is for sizes no
// layer here can have.
static int read_octal(const char *field, size_t size, size_t *ret_number)
{
    size_t i = 0, number = 0;
    while (i < size && field[i] == ' ')
        i++;
    size_t first = i;
    while (i < size && field[i] >= '0' && field[i] <= '7')
        number = number * 8 + (size_t)(field[i++] - '0');
    if (i == first || i - first > 12)
        return -1;
    for (; i < size; i++)
        if (field[i] != ' ' && field[i] != '\0')
            return -1;
    *ret_number = number;
    return 0;
}

static int check_sum(const struct tar_header *header, struct error *err)
{
    size_t expected, sum = 0;
    const unsigned char *bytes = (const unsigned char *)header;
    for (size_t i = 0; i < TAR_BLOCK; i++) {
        bool own = i >= offsetof(struct tar_header, checksum) &&
                   i < offsetof(struct tar_header, checksum) + sizeof header->checksum;
        sum += own ? ' ' : bytes[i];
    }
    if (read_octal(header->checksum, sizeof header->checksum, &expected) < 0 || sum != expected)
        return error_set(err, ERROR_INVALID, "the archive is no tar, or is damaged");
    return 0;
}

static char *header_name(const struct tar_header *header)
{
    cleanup_free char *name = xstrndup(header->name, strnlen(header->name, sizeof header->name));
    // GNU's magic is "ustar  " and its prefix field holds something else.
    if (memcmp(header->magic, "ustar\0", 6) != 0 || header->prefix[0] == '\0')
        return STEAL(name);
    return xasprintf("%.*s/%s", (int)sizeof header->prefix, header->prefix, name);
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

static int begin_record(struct tar_reader *reader, char type, size_t size, struct error *err)
{
    if (size > MAX_RECORD)
        return error_set(err, ERROR_LIMIT, "a header of the archive has %zu bytes; the limit is %d",
                         size, MAX_RECORD);
    if (reader->next_path != NULL)
        return error_set(err, ERROR_INVALID, "a name in the archive has no entry");
    strbuf_reset(&reader->record);
    reader->record_type = type;
    reader->record_size = size;
    reader->padding = (TAR_BLOCK - size % TAR_BLOCK) % TAR_BLOCK;
    reader->state = RECORD;
    return 0;
}

static int end_record(struct tar_reader *reader, struct error *err)
{
    reader->state = PADDING;
    if (reader->record_type != 'L')
        return tar_pax_parse(reader->record.data, reader->record.len, reader->record_type == 'g',
                             &reader->next_path, err);
    size_t length = strnlen(reader->record.data, reader->record.len);
    if (length == 0 || length + 1 < reader->record.len)
        return error_set(err, ERROR_INVALID, "a long name in the archive is malformed");
    reader->next_path = xstrndup(reader->record.data, length);
    return 0;
}

static void begin_content(struct tar_reader *reader, const char *path, size_t size)
{
    reader->file = vec_push(reader->files);
    reader->file->path = xstrdup(path);
    // The caller has bounded size by the limit of one file, and all bytes by that of the archive;
    // the memory is touched only as they arrive.
    reader->file->data = xmalloc(size + 1);
    reader->file->data[size] = '\0';
    reader->file->size = size;
    reader->file_fill = 0;
    reader->padding = (TAR_BLOCK - size % TAR_BLOCK) % TAR_BLOCK;
    reader->state = CONTENT;
}

static int begin_entry(struct tar_reader *reader, char type, size_t size, struct error *err)
{
    cleanup_free char *name =
        reader->next_path != NULL ? STEAL(reader->next_path) : header_name(&reader->header);
    bool is_folder = type == '5';
    cleanup_free char *path = normal_path(name, is_folder);
    if (is_folder && path[0] == '\0')
        return size == 0 ? 0 : error_set(err, ERROR_INVALID, "the root folder has content");
    if (tar_path_check(path, err) < 0)
        return -1;
    if (!is_folder && type != '0' && type != '\0')
        return error_set(err, ERROR_INVALID,
                         "entry \"%s\" is %s; only files and folders are accepted", path,
                         type_name(type));
    if (is_folder && size != 0)
        return error_set(err, ERROR_INVALID, "folder \"%s\" has content", path);
    if (size > reader->limits.max_file)
        return error_set(err, ERROR_LIMIT, "file \"%s\" has %zu bytes; the limit is %zu", path,
                         size, reader->limits.max_file);
    if (reader->entries.len >= reader->limits.max_entries)
        return error_set(err, ERROR_LIMIT, "the archive has more than %zu entries",
                         reader->limits.max_entries);
    if (!is_folder)
        begin_content(reader, path, size);
    struct entry *entry = vec_push(&reader->entries);
    *entry = (struct entry){.path = STEAL(path), .is_folder = is_folder};
    return 0;
}

static bool is_zero_block(const char *block)
{
    return block[0] == '\0' && memcmp(block, block + 1, TAR_BLOCK - 1) == 0;
}

static int take_header(struct tar_reader *reader, struct error *err)
{
    if (is_zero_block(reader->block)) {
        if (reader->next_path != NULL)
            return error_set(err, ERROR_INVALID, "a name in the archive has no entry");
        reader->state = END;
        return 0;
    }
    size_t size;
    if (check_sum(&reader->header, err) < 0)
        return -1;
    if (read_octal(reader->header.size, sizeof reader->header.size, &size) < 0)
        return error_set(err, ERROR_INVALID, "an entry of the archive has an unreadable size");
    char type = reader->header.type;
    if (type == 'x' || type == 'g' || type == 'L')
        return begin_record(reader, type, size, err);
    return begin_entry(reader, type, size, err);
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

// Takes what the present state can use of the bytes; -1 or how many.
static ssize_t take(struct tar_reader *reader, const char *data, size_t size, struct error *err)
{
    size_t used;
    switch (reader->state) {
    case HEADER:
        used = least(size, TAR_BLOCK - reader->block_fill);
        memcpy(reader->block + reader->block_fill, data, used);
        reader->block_fill += used;
        if (reader->block_fill < TAR_BLOCK)
            break;
        reader->block_fill = 0;
        if (take_header(reader, err) < 0)
            return -1;
        break;
    case CONTENT:
        used = least(size, reader->file->size - reader->file_fill);
        memcpy(reader->file->data + reader->file_fill, data, used);
        reader->file_fill += used;
        if (reader->file_fill == reader->file->size)
            reader->state = PADDING;
        break;
    case RECORD:
        used = least(size, reader->record_size - reader->record.len);
        strbuf_add(&reader->record, data, used);
        if (reader->record.len == reader->record_size && end_record(reader, err) < 0)
            return -1;
        break;
    case PADDING:
        used = least(size, reader->padding);
        reader->padding -= used;
        if (reader->padding == 0)
            reader->state = HEADER;
        break;
    case END:
        for (used = 0; used < size; used++)
            if (data[used] != '\0')
                return error_set(err, ERROR_INVALID, "the archive goes on behind its end");
        break;
    default:
        abort();
    }
    return (ssize_t)used;
}

int tar_reader_feed(struct tar_reader *reader, const void *data, size_t size, struct error *err)
{
    const char *cursor = data;
    while (size > 0) {
        ssize_t used = take(reader, cursor, size, err);
        if (used < 0)
            return -1;
        cursor += used;
        size -= (size_t)used;
    }
    return 0;
}

static int compare_entries(const void *a, const void *b)
{
    const struct entry *left = a, *right = b;
    return tar_path_compare(left->path, right->path);
}

int tar_reader_end(struct tar_reader *reader, struct error *err)
{
    if (reader->state != END)
        return error_set(err, ERROR_INVALID, "the archive is cut off");
    vec_sort(&reader->entries, compare_entries);
    const struct entry *last = NULL;
    vec_foreach (const struct entry, entry, &reader->entries) {
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
