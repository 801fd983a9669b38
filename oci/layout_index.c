#include "base/backoff.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/jval.h"
#include "base/memory.h"
#include "oci/layout_internal.h"
#include "oci/reference.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

enum {
    MAX_INDEX = 16 << 20, // about 40,000 entries
    MAX_LAYOUT_FILE = 4096,
    LOCK_PATIENCE_MS = 10 * 1000,
    LOCK_FIRST_TRY_MS = 2,
    LOCK_TRY_MS = 50,
};

static const char layout_text[] = "{\"imageLayoutVersion\":\"1.0.0\"}";

static int check_version(const char *dir, struct error *err)
{
    cleanup_free char *path = path_join(dir, "oci-layout");
    cleanup_free char *text = NULL;
    size_t size = 0;
    if (file_read(path, MAX_LAYOUT_FILE, &text, &size, err) < 0)
        return error_wrap(err, "%s is no OCI layout", dir);
    cleanup_json json_t *value = NULL;
    if (jval_parse_object(text, size, path, &value, err) < 0)
        return -1;
    const char *version = jval_string_or(value, "imageLayoutVersion", "");
    if (strncmp(version, "1.", 2) != 0)
        return error_set(err, ERROR_INVALID, "%s: layout version \"%.20s\" is not 1.0.0", path,
                         version);
    return 0;
}

int layout_index_read(const char *dir, json_t **ret_index, struct error *err)
{
    if (check_version(dir, err) < 0)
        return -1;
    cleanup_free char *path = path_join(dir, "index.json");
    cleanup_free char *text = NULL;
    size_t size = 0;
    cleanup_json json_t *index = NULL;
    if (file_read(path, MAX_INDEX, &text, &size, err) < 0 ||
        jval_parse_object(text, size, path, &index, err) < 0)
        return -1;
    if (jval_array(index, "manifests") == NULL)
        return error_set(err, ERROR_INVALID, "%s has no list of manifests", path);
    *ret_index = STEAL(index);
    return 0;
}

int layout_index_write(const char *dir, const json_t *index, struct error *err)
{
    cleanup_free char *text = jval_compact(index);
    cleanup_free char *path = path_join(dir, "index.json");
    size_t size = strlen(text);
    if (size > MAX_INDEX)
        return error_set(err, ERROR_LIMIT, "%s would exceed %d bytes; remove old artifacts", path,
                         MAX_INDEX);
    file_remove_temporary(path);
    return file_write_atomic(path, text, size, 0644, err);
}

static void pause_ms(int64_t ms)
{
    struct timespec delay = {.tv_sec = ms / 1000, .tv_nsec = (ms % 1000) * 1000 * 1000};
    nanosleep(&delay, NULL);
}

int layout_lock(const char *dir, struct cancel *cancel, int *ret_fd, struct error *err)
{
    cleanup_fd int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return error_errno(err, errno, "open layout %s", dir);
    struct backoff backoff = {.first_ms = LOCK_FIRST_TRY_MS, .max_ms = LOCK_TRY_MS};
    int64_t until = clock_mono_ms(clock_system()) + LOCK_PATIENCE_MS;
    while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            return error_errno(err, errno, "lock layout %s", dir);
        if (cancel_check(cancel, err) < 0)
            return -1;
        if (clock_mono_ms(clock_system()) >= until)
            return error_set(err, ERROR_UNAVAILABLE,
                             "another process has held the lock of layout %s for %d s", dir,
                             LOCK_PATIENCE_MS / 1000);
        pause_ms(backoff_next(&backoff, 0));
    }
    *ret_fd = fd;
    fd = -1;
    return 0;
}

// The version file comes last: a folder with it is a whole layout.
static int make_locked(const char *dir, const char *version_path, struct error *err)
{
    if (file_exists(version_path))
        return 0;
    cleanup_free char *index_path = path_join(dir, "index.json");
    static const char empty[] =
        "{\"schemaVersion\":2,\"mediaType\":\"" OCI_MEDIA_INDEX "\",\"manifests\":[]}";
    if (!file_exists(index_path) &&
        file_write_atomic(index_path, empty, sizeof empty - 1, 0644, err) < 0)
        return -1;
    return file_write_atomic(version_path, layout_text, sizeof layout_text - 1, 0644, err);
}

int layout_make(const char *dir, struct cancel *cancel, struct error *err)
{
    cleanup_free char *blobs = path_join(dir, "blobs/sha256");
    if (file_make_dirs(blobs, err) < 0)
        return -1;
    cleanup_free char *version_path = path_join(dir, "oci-layout");
    if (file_exists(version_path))
        return check_version(dir, err);
    // Two that push first at once: the slower one's empty index must not replace the other's.
    cleanup_fd int lock = -1;
    if (layout_lock(dir, cancel, &lock, err) < 0)
        return -1;
    return make_locked(dir, version_path, err);
}

const char *layout_entry_digest(const json_t *entry)
{
    return json_string_value(json_object_get(entry, "digest"));
}

const char *layout_entry_annotation(const json_t *entry, const char *key)
{
    return json_string_value(json_object_get(json_object_get(entry, "annotations"), key));
}

int layout_index_tag(const char *dir, const json_t *index, const char *tag, const char **ret_digest,
                     struct error *err)
{
    const char *digest = NULL;
    const json_t *manifests = jval_array(index, "manifests");
    for (size_t i = 0; i < json_array_size(manifests); i++) {
        const json_t *entry = json_array_get(manifests, i);
        const char *name = layout_entry_annotation(entry, LAYOUT_REF_NAME);
        const char *own = layout_entry_digest(entry);
        if (name == NULL || own == NULL || strcmp(name, tag) != 0)
            continue;
        if (digest != NULL && strcmp(digest, own) != 0)
            return error_set(err, ERROR_INVALID, "layout %s has two manifests with tag %s", dir,
                             tag);
        digest = own;
    }
    if (digest == NULL)
        return error_set(err, ERROR_NOT_FOUND, "layout %s has no tag %s", dir, tag);
    if (!digest_is_valid(digest))
        return error_set(err, ERROR_INVALID, "layout %s: tag %s names no sha256 digest", dir, tag);
    *ret_digest = digest;
    return 0;
}

static bool text_is(const char *text, const char *other)
{
    return text != NULL && other != NULL && strcmp(text, other) == 0;
}

// Whether any entry but `except` lists the digest.
static bool is_listed(const json_t *manifests, const char *digest, size_t except)
{
    for (size_t i = 0; i < json_array_size(manifests); i++)
        if (i != except && text_is(layout_entry_digest(json_array_get(manifests, i)), digest))
            return true;
    return false;
}

static void take_name(json_t *entry)
{
    json_t *annotations = json_object_get(entry, "annotations");
    json_object_del(annotations, LAYOUT_REF_NAME);
    json_object_del(annotations, LAYOUT_KIND);
    if (json_object_size(annotations) == 0)
        json_object_del(entry, "annotations");
}

// Takes the tag from entries of other digests. What then has no name stays listed, unless it is
// listed elsewhere, or is signatures: what replaces them has them all.
static void take_tag(json_t *manifests, const char *tag, const char *digest)
{
    // One without a suffix is a list of referrers, which may be listed nowhere else.
    bool signatures = oci_tag_is_derived(tag) && strchr(tag, '.') != NULL;
    for (size_t i = json_array_size(manifests); i-- > 0;) {
        json_t *entry = json_array_get(manifests, i);
        const char *other = layout_entry_digest(entry);
        if (!text_is(layout_entry_annotation(entry, LAYOUT_REF_NAME), tag) ||
            text_is(other, digest))
            continue;
        if (other == NULL || signatures || is_listed(manifests, other, i))
            json_array_remove(manifests, i);
        else
            take_name(entry);
    }
}

// The entry that is, or may become, the digest's under this name.
static json_t *entry_for(json_t *manifests, const char *digest, const char *tag)
{
    for (size_t i = 0; i < json_array_size(manifests); i++) {
        json_t *entry = json_array_get(manifests, i);
        if (!text_is(layout_entry_digest(entry), digest))
            continue;
        // cosign's own stays as it is: what it was saved with is not listed.
        if (tag != NULL && layout_entry_is_saved(entry))
            continue;
        const char *name = layout_entry_annotation(entry, LAYOUT_REF_NAME);
        if (tag == NULL || name == NULL || strcmp(name, tag) == 0)
            return entry;
    }
    return NULL;
}

static void annotate_entry(json_t *entry, const char *key, const char *text)
{
    json_t *annotations = json_object_get(entry, "annotations");
    if (!json_is_object(annotations)) {
        annotations = json_object();
        json_object_set_new(entry, "annotations", annotations);
    }
    json_object_set_new(annotations, key, json_string(text));
}

void layout_index_put(json_t *index, const struct oci_descriptor *descriptor, const char *tag,
                      const char *artifact_type, const char *subject)
{
    json_t *manifests = json_object_get(index, "manifests");
    if (tag != NULL)
        take_tag(manifests, tag, descriptor->digest.text);
    json_t *entry = entry_for(manifests, descriptor->digest.text, tag);
    if (entry == NULL) {
        entry = oci_descriptor_json(descriptor);
        jval_set_string(entry, "artifactType", artifact_type);
        json_array_append_new(manifests, entry);
    }
    if (tag != NULL)
        annotate_entry(entry, LAYOUT_REF_NAME, tag);
    if (subject != NULL)
        annotate_entry(entry, LAYOUT_SUBJECT, subject);
}

void layout_index_remove(json_t *index, const char *digest)
{
    json_t *manifests = json_object_get(index, "manifests");
    for (size_t i = json_array_size(manifests); i-- > 0;)
        if (text_is(layout_entry_digest(json_array_get(manifests, i)), digest))
            json_array_remove(manifests, i);
}
