#include "oci/sign/checkpoint.h"

#include "base/encoding.h"
#include "base/memory.h"
#include "base/strbuf.h"
#include "oci/sign/key.h"
#include "oci/sign/trusted_root.h"

#include <stdlib.h>
#include <string.h>

enum { HINT_SIZE = 4, MAX_SIGNATURES = 64, MAX_NAME = 512 };

// Behind a line of the text; NULL when it has no end.
static const char *next_line(const char *line)
{
    const char *end = strchr(line, '\n');
    return end != NULL ? end + 1 : NULL;
}

static bool parse_size(const char *line, size_t length, int64_t *ret_size)
{
    if (length == 0 || length > 18 || (line[0] == '0' && length > 1))
        return false;
    int64_t size = 0;
    for (size_t i = 0; i < length; i++) {
        if (line[i] < '0' || line[i] > '9')
            return false;
        size = size * 10 + (line[i] - '0');
    }
    *ret_size = size;
    return true;
}

static bool parse_root(const char *line, size_t length, unsigned char ret_root[SHA256_SIZE])
{
    cleanup_free unsigned char *root = NULL;
    size_t size = 0;
    if (base64_decode(line, length, &root, &size, NULL) < 0 || size != SHA256_SIZE)
        return false;
    memcpy(ret_root, root, size);
    return true;
}

int checkpoint_parse(const char *text, struct checkpoint *ret_checkpoint, struct error *err)
{
    struct checkpoint checkpoint = {.text = text, .origin = text};
    if (strlen(text) > CHECKPOINT_MAX_BYTES)
        return error_set(err, ERROR_LIMIT, "the checkpoint has more than %d bytes",
                         CHECKPOINT_MAX_BYTES);
    // The signatures are behind the last empty line, as in Go's note package.
    const char *gap = NULL;
    for (const char *at = strstr(text, "\n\n"); at != NULL; at = strstr(at + 1, "\n\n"))
        gap = at;
    if (gap == NULL)
        return error_set(err, ERROR_INVALID, "the checkpoint has no signatures");
    checkpoint.signed_size = (size_t)(gap - text) + 1;
    checkpoint.signatures = gap + 2;
    const char *size_line = next_line(text);
    const char *root_line = size_line <= gap ? next_line(size_line) : NULL;
    if (root_line == NULL || root_line > gap)
        return error_set(err, ERROR_INVALID,
                         "the checkpoint has no three lines (origin, size, root)");
    checkpoint.origin_size = (size_t)(size_line - text) - 1;
    if (checkpoint.origin_size == 0)
        return error_set(err, ERROR_INVALID, "the checkpoint names no origin");
    if (!parse_size(size_line, (size_t)(root_line - size_line) - 1, &checkpoint.tree_size))
        return error_set(err, ERROR_INVALID, "the checkpoint's second line is no size of a tree");
    if (!parse_root(root_line, strcspn(root_line, "\n"), checkpoint.root))
        return error_set(err, ERROR_INVALID, "the checkpoint's third line is no root of a tree");
    *ret_checkpoint = checkpoint;
    return 0;
}

bool checkpoint_is_v1(const struct checkpoint *checkpoint)
{
    const char *origin = checkpoint->origin;
    size_t at = checkpoint->origin_size;
    while (at > 0 && origin[at - 1] >= '0' && origin[at - 1] <= '9')
        at--;
    return at < checkpoint->origin_size && at >= 3 && memcmp(origin + at - 3, " - ", 3) == 0;
}

// How a signature line calls the key: four bytes in front of the signature. The rule depends on the
// algorithm; name matters for all but ECDSA.
static void key_hint(const struct trusted_log *log, const char *name, size_t name_size,
                     unsigned char ret_hint[HINT_SIZE])
{
    static const char rsa[] = "\xffPKIX-RSA-PKCS#1v1.5";
    enum { ED25519_PREFIX = 12 }; // of a SubjectPublicKeyInfo
    size_t size = 0;
    const unsigned char *der = verify_key_der(log->key, &size);
    struct strbuf text;
    unsigned char hash[SHA256_SIZE];
    strbuf_init(&text, MAX_NAME + 4096);
    enum key_algorithm algorithm = verify_key_algorithm(log->key);
    if (algorithm == KEY_ED25519 || algorithm == KEY_RSA) {
        strbuf_add(&text, name, name_size);
        strbuf_addch(&text, '\n');
    }
    if (algorithm == KEY_ED25519) {
        strbuf_addch(&text, 1);
        der += ED25519_PREFIX;
        size -= ED25519_PREFIX;
    } else if (algorithm == KEY_RSA) {
        strbuf_addstr(&text, rsa);
    }
    strbuf_add(&text, der, size);
    sha256(text.data, text.len, hash);
    strbuf_release(&text);
    memcpy(ret_hint, hash, HINT_SIZE);
}

// One line "— <name> <base64>".
struct note_line {
    const char *name;
    size_t name_size;
    unsigned char *data; // hint and signature; owned
    size_t size;
};

static int parse_line(const char *line, size_t length, struct note_line *ret_line,
                      struct error *err)
{
    static const char dash[] = "\xe2\x80\x94 ";
    const char *end = line + length;
    const char *space = memrchr(line, ' ', length);
    if (length < sizeof dash || memcmp(line, dash, sizeof dash - 1) != 0 ||
        space < line + sizeof dash || space > line + MAX_NAME ||
        base64_decode(space + 1, (size_t)(end - space) - 1, &ret_line->data, &ret_line->size,
                      NULL) < 0)
        return error_set(err, ERROR_INVALID, "the checkpoint has a malformed signature line");
    ret_line->name = line + sizeof dash - 1;
    ret_line->name_size = (size_t)(space - ret_line->name);
    return 0;
}

// *ret_signed turns true when the line is this log's and verifies.
static int check_line(const struct checkpoint *checkpoint, const struct trusted_log *log,
                      const char *text, size_t length, bool *ret_signed, struct error *err)
{
    struct note_line line = {0};
    unsigned char hint[HINT_SIZE];
    if (parse_line(text, length, &line, err) < 0)
        return -1;
    cleanup_free unsigned char *data = line.data;
    key_hint(log, line.name, line.name_size, hint);
    bool named =
        checkpoint_is_v1(checkpoint) ||
        (line.name_size == strlen(log->host) && memcmp(line.name, log->host, line.name_size) == 0);
    if (!named || line.size <= HINT_SIZE || memcmp(data, hint, HINT_SIZE) != 0)
        return 0;
    if (verify_key_check(log->key, checkpoint->text, checkpoint->signed_size, data + HINT_SIZE,
                         line.size - HINT_SIZE, err) < 0)
        return error_wrap(err, "the checkpoint");
    *ret_signed = true;
    return 0;
}

int checkpoint_verify(const struct checkpoint *checkpoint, const struct trusted_log *log,
                      struct error *err)
{
    if (!checkpoint_is_v1(checkpoint) &&
        (checkpoint->origin_size != strlen(log->host) ||
         memcmp(checkpoint->origin, log->host, checkpoint->origin_size) != 0))
        return error_set(err, ERROR_UNVERIFIED, "the checkpoint is of %.*s, not of the log %s",
                         (int)(checkpoint->origin_size < 200 ? checkpoint->origin_size : 200),
                         checkpoint->origin, log->host);
    bool is_signed = false;
    const char *line = checkpoint->signatures;
    for (int count = 0; *line != '\0'; count++) {
        const char *next = next_line(line);
        if (next == NULL || count >= MAX_SIGNATURES)
            return error_set(err, ERROR_INVALID,
                             "the checkpoint's signatures do not end, or are more than %d",
                             MAX_SIGNATURES);
        if (check_line(checkpoint, log, line, (size_t)(next - line) - 1, &is_signed, err) < 0)
            return -1;
        line = next;
    }
    if (!is_signed)
        return error_set(err, ERROR_UNVERIFIED, "the log %s did not sign the checkpoint",
                         log->host);
    return 0;
}
