// The three answers of protocol v2, each a small state machine over packets.
#include "render/git/gitproto.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

enum {
    MAX_ADVERT_LINES = 1000,  // git sends about ten
    MAX_REF_LINES = 1000000,  // the largest public forges' repositories have some 100,000
    MAX_REFS = 200000,        // that match what was asked for
    MAX_REF_NAME = 1024,      // file systems end before that
    MAX_FETCH_LINES = 100000, // of sections before the pack
    MAX_QUOTE = 300,          // of a server's own words
};

bool gitproto_is_oid(const char *text, size_t size)
{
    return size == GITPROTO_OID_SIZE - 1 && strspn(text, "0123456789abcdef") >= size;
}

// Without the newline that ends most lines.
static size_t line_size(const char *data, size_t size)
{
    return size > 0 && data[size - 1] == '\n' ? size - 1 : size;
}

static bool has_prefix(const char *data, size_t size, const char *prefix)
{
    size_t length = strlen(prefix);
    return size >= length && memcmp(data, prefix, length) == 0;
}

static bool equals(const char *data, size_t size, const char *text)
{
    return size == strlen(text) && memcmp(data, text, size) == 0;
}

// What a server wrote for people, as one line without control characters; owned.
static char *quote(const char *data, size_t size)
{
    char *text = xstrndup(data, size < MAX_QUOTE ? size : MAX_QUOTE);
    size_t length = strlen(text);
    while (length > 0 && (unsigned char)text[length - 1] <= ' ')
        text[--length] = '\0';
    for (char *ch = text; *ch != '\0'; ch++)
        if ((unsigned char)*ch < ' ' || *ch == 0x7f)
            *ch = ' ';
    return text;
}

static bool mentions(const char *text, const char *const *phrases, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcasestr(text, phrases[i]) != NULL)
            return true;
    return false;
}

// The words are git's own (upload-pack.c, http-backend.c) and those of large forges.
static int server_failed(const char *data, size_t size, struct error *err)
{
    static const char *const gone[] = {"not our ref", "no such remote ref", "unadvertised object"};
    static const char *const missing[] = {"not found", "does not exist", "no such repository",
                                          "not appear to be a git repository"};
    static const char *const denied[] = {"denied", "not authorized", "unauthorized", "forbidden",
                                         "not allowed"};
    cleanup_free char *text = quote(data, size);
    enum error_code code = ERROR_UNAVAILABLE;
    if (mentions(text, gone, ARRAY_LENGTH(gone)))
        return error_set(err, ERROR_CONFLICT,
                         "the server no longer has that commit (it says: %s); the ref moved, the "
                         "next attempt reads it again",
                         text);
    if (mentions(text, missing, ARRAY_LENGTH(missing)))
        code = ERROR_NOT_FOUND;
    else if (mentions(text, denied, ARRAY_LENGTH(denied)))
        code = ERROR_DENIED;
    return error_set(err, code, "the server says: %s", text);
}

static int breaks_protocol(struct error *err, const char *what)
{
    return error_set(err, ERROR_INVALID, "the answer breaks git's protocol: %s", what);
}

// Advertisement.

enum advert_state {
    ADVERT_SERVICE,
    ADVERT_SERVICE_FLUSH,
    ADVERT_VERSION,
    ADVERT_CAPS,
    ADVERT_DONE
};

static int advert_old_version(struct error *err)
{
    return error_set(
        err, ERROR_INVALID,
        "the server does not answer in git's protocol version 2; it needs git 2.18 or newer, HTTP "
        "proxies must pass the header Git-Protocol on, and sshd needs \"AcceptEnv GIT_PROTOCOL\"");
}

static bool has_word(const char *words, size_t size, const char *word)
{
    size_t length = strlen(word);
    for (size_t at = 0; at + length <= size; at++) {
        bool starts = at == 0 || words[at - 1] == ' ';
        bool ends = at + length == size || words[at + length] == ' ';
        if (starts && ends && memcmp(words + at, word, length) == 0)
            return true;
    }
    return false;
}

static int advert_capability(struct gitproto_advert *advert, const char *data, size_t size,
                             struct error *err)
{
    if (has_prefix(data, size, "object-format=") && !equals(data, size, "object-format=sha1"))
        return error_set(err, ERROR_INVALID,
                         "the repository uses %.*s; only sha1 repositories can be read so far",
                         (int)(size < 100 ? size : 100), data);
    if (equals(data, size, "ls-refs") || has_prefix(data, size, "ls-refs="))
        advert->has_ls_refs = true;
    if (equals(data, size, "fetch"))
        advert->has_fetch = true;
    if (has_prefix(data, size, "fetch=")) {
        size_t skip = strlen("fetch=");
        advert->has_fetch = true;
        advert->caps.shallow = has_word(data + skip, size - skip, "shallow");
        advert->caps.filter = has_word(data + skip, size - skip, "filter");
    }
    return 0;
}

static int advert_end(struct gitproto_advert *advert, struct error *err)
{
    if (!advert->has_ls_refs || !advert->has_fetch)
        return breaks_protocol(err, "version 2 without ls-refs or fetch");
    advert->state = ADVERT_DONE;
    return 0;
}

static int on_advert_packet(void *arg, enum pktline_type type, const char *data, size_t size,
                            struct error *err)
{
    struct gitproto_advert *advert = arg;
    if (++advert->lines > MAX_ADVERT_LINES)
        return error_set(err, ERROR_LIMIT, "the server advertises more than %d lines",
                         MAX_ADVERT_LINES);
    size = line_size(data, size);
    if (type == PKTLINE_DATA && has_prefix(data, size, "ERR "))
        return server_failed(data + 4, size - 4, err);
    switch ((enum advert_state)advert->state) {
    case ADVERT_SERVICE:
        // Servers that know no version 0 leave the service line out.
        if (type == PKTLINE_DATA && equals(data, size, "version 2")) {
            advert->state = ADVERT_CAPS;
            return 0;
        }
        if (type != PKTLINE_DATA || !equals(data, size, "# service=git-upload-pack"))
            return advert_old_version(err);
        advert->state = ADVERT_SERVICE_FLUSH;
        return 0;
    case ADVERT_SERVICE_FLUSH:
        if (type != PKTLINE_FLUSH)
            return breaks_protocol(err, "no flush after the service");
        advert->state = ADVERT_VERSION;
        return 0;
    case ADVERT_VERSION:
        if (type != PKTLINE_DATA || !equals(data, size, "version 2"))
            return advert_old_version(err);
        advert->state = ADVERT_CAPS;
        return 0;
    case ADVERT_CAPS:
        if (type == PKTLINE_FLUSH)
            return advert_end(advert, err);
        if (type != PKTLINE_DATA)
            return breaks_protocol(err, "a divider between capabilities");
        return advert_capability(advert, data, size, err);
    case ADVERT_DONE:
        break;
    }
    return breaks_protocol(err, "more after the capabilities");
}

void gitproto_advert_init(struct gitproto_advert *advert, bool http)
{
    *advert =
        (struct gitproto_advert){.http = http, .state = http ? ADVERT_SERVICE : ADVERT_VERSION};
    pktline_reader_init(&advert->reader, on_advert_packet, advert);
}

void gitproto_advert_release(struct gitproto_advert *advert)
{
    pktline_reader_release(&advert->reader);
}

int gitproto_advert_feed(struct gitproto_advert *advert, const void *data, size_t size,
                         struct error *err)
{
    return pktline_feed(&advert->reader, data, size, err);
}

bool gitproto_advert_done(const struct gitproto_advert *advert)
{
    return advert->state == ADVERT_DONE && advert->reader.packet.len == 0;
}

// Requests.

static void begin_command(struct strbuf *out, const char *command)
{
    pktline_add_line(out, "command=%s", command);
    pktline_add_line(out, "agent=sealift/%s", SEALIFT_VERSION);
    pktline_add_line(out, "object-format=sha1");
    pktline_add_delimiter(out);
}

void gitproto_ls_refs_request(struct strbuf *out, const char *prefix)
{
    begin_command(out, "ls-refs");
    pktline_add_line(out, "peel");
    pktline_add_line(out, "ref-prefix %s", prefix);
    pktline_add_flush(out);
}

void gitproto_fetch_write(struct strbuf *out, const struct gitproto_fetch_request *request)
{
    begin_command(out, "fetch");
    pktline_add_line(out, "ofs-delta");
    pktline_add_line(out, "no-progress");
    if (request->thin)
        pktline_add_line(out, "thin-pack");
    if (request->commits_only)
        pktline_add_line(out, "filter tree:0");
    pktline_add_line(out, "want %s", request->want);
    if (request->have != NULL && request->have_is_shallow)
        pktline_add_line(out, "shallow %s", request->have);
    if (request->deepen_one)
        pktline_add_line(out, "deepen 1");
    if (request->have != NULL)
        pktline_add_line(out, "have %s", request->have);
    pktline_add_line(out, "done");
    pktline_add_flush(out);
}

// ls-refs.

void gitproto_ref_release(void *ref)
{
    free(((struct gitproto_ref *)ref)->name);
}

// "<oid> <name>[ symref-target:<name>][ peeled:<oid>]"
static int ls_refs_line(struct gitproto_ls_refs *answer, const char *data, size_t size,
                        struct error *err)
{
    size_t oid_size = GITPROTO_OID_SIZE - 1;
    if (memchr(data, '\0', size) != NULL)
        return breaks_protocol(err, "a ref with a NUL in it");
    if (has_prefix(data, size, "unborn "))
        return 0;
    if (size < oid_size + 2 || data[oid_size] != ' ' || !gitproto_is_oid(data, oid_size))
        return breaks_protocol(err, "a ref without an object id of 40 digits");
    const char *name = data + oid_size + 1;
    size_t rest = size - oid_size - 1;
    const char *space = memchr(name, ' ', rest);
    size_t name_size = space != NULL ? (size_t)(space - name) : rest;
    if (name_size == 0 || name_size > MAX_REF_NAME)
        return breaks_protocol(err, "a ref whose name is empty or too long");
    if (!has_prefix(name, name_size, answer->prefix))
        return 0;
    if (answer->refs.len >= MAX_REFS)
        return error_set(err, ERROR_LIMIT, "more than %d refs start with %s", MAX_REFS,
                         answer->prefix);
    struct gitproto_ref *ref = vec_push(&answer->refs);
    ref->name = xstrndup(name, name_size);
    memcpy(ref->oid, data, oid_size);
    const char *attribute = name + name_size;
    const char *end = data + size;
    while (attribute < end) {
        attribute++;
        space = memchr(attribute, ' ', (size_t)(end - attribute));
        size_t length = (size_t)((space != NULL ? space : end) - attribute);
        if (has_prefix(attribute, length, "peeled:")) {
            size_t skip = strlen("peeled:");
            if (!gitproto_is_oid(attribute + skip, length - skip))
                return breaks_protocol(err, "a tag that peels to no object id");
            memcpy(ref->peeled, attribute + skip, oid_size);
        }
        attribute += length;
    }
    return 0;
}

static int on_ls_refs_packet(void *arg, enum pktline_type type, const char *data, size_t size,
                             struct error *err)
{
    struct gitproto_ls_refs *answer = arg;
    if (answer->done)
        return breaks_protocol(err, "more after the last ref");
    if (type == PKTLINE_FLUSH) {
        answer->done = true;
        return 0;
    }
    if (type != PKTLINE_DATA)
        return breaks_protocol(err, "a divider between refs");
    if (++answer->lines > MAX_REF_LINES)
        return error_set(err, ERROR_LIMIT, "the server lists more than %d refs", MAX_REF_LINES);
    size = line_size(data, size);
    if (has_prefix(data, size, "ERR "))
        return server_failed(data + 4, size - 4, err);
    return ls_refs_line(answer, data, size, err);
}

void gitproto_ls_refs_init(struct gitproto_ls_refs *answer, const char *prefix)
{
    *answer = (struct gitproto_ls_refs){.prefix = prefix, .refs = GITPROTO_REFS};
    pktline_reader_init(&answer->reader, on_ls_refs_packet, answer);
}

void gitproto_ls_refs_release(struct gitproto_ls_refs *answer)
{
    pktline_reader_release(&answer->reader);
    vec_free(&answer->refs);
}

int gitproto_ls_refs_feed(struct gitproto_ls_refs *answer, const void *data, size_t size,
                          struct error *err)
{
    return pktline_feed(&answer->reader, data, size, err);
}

bool gitproto_ls_refs_done(const struct gitproto_ls_refs *answer)
{
    return answer->done && answer->reader.packet.len == 0;
}

// fetch.

enum fetch_section { SECTION_NONE, SECTION_SKIPPED, SECTION_PACK };

static int fetch_section_start(struct gitproto_fetch *answer, const char *data, size_t size,
                               struct error *err)
{
    // Sections that carry nothing we need: the pack says it all.
    static const char *const skipped[] = {"acknowledgments", "shallow-info", "wanted-refs"};
    if (equals(data, size, "packfile")) {
        answer->section = SECTION_PACK;
        return 0;
    }
    for (size_t i = 0; i < ARRAY_LENGTH(skipped); i++) {
        if (equals(data, size, skipped[i])) {
            answer->section = SECTION_SKIPPED;
            return 0;
        }
    }
    return breaks_protocol(err, "an unknown section");
}

// A side band: 1 is the pack, 2 progress for people, 3 an error that ends it.
static int fetch_pack_packet(struct gitproto_fetch *answer, const char *data, size_t size,
                             struct error *err)
{
    if (size == 0)
        return breaks_protocol(err, "an empty packet in the pack");
    switch (data[0]) {
    case 1:
        return size == 1 ? 0 : answer->on_pack(answer->arg, data + 1, size - 1, err);
    case 2:
        return 0;
    case 3:
        return server_failed(data + 1, size - 1, err);
    default:
        return breaks_protocol(err, "an unknown side band");
    }
}

static int on_fetch_packet(void *arg, enum pktline_type type, const char *data, size_t size,
                           struct error *err)
{
    struct gitproto_fetch *answer = arg;
    if (answer->done)
        return breaks_protocol(err, "more after the pack");
    if (answer->section == SECTION_PACK) {
        if (type == PKTLINE_DATA)
            return fetch_pack_packet(answer, data, size, err);
        if (type != PKTLINE_FLUSH)
            return breaks_protocol(err, "a divider in the pack");
        answer->done = true;
        return 0;
    }
    if (++answer->lines > MAX_FETCH_LINES)
        return error_set(err, ERROR_LIMIT, "more than %d lines before the pack", MAX_FETCH_LINES);
    size = line_size(data, size);
    if (type == PKTLINE_DATA && has_prefix(data, size, "ERR "))
        return server_failed(data + 4, size - 4, err);
    if (type == PKTLINE_DELIMITER && answer->section == SECTION_SKIPPED) {
        answer->section = SECTION_NONE;
        return 0;
    }
    if (type != PKTLINE_DATA)
        return breaks_protocol(err, "the answer has no pack");
    return answer->section == SECTION_SKIPPED ? 0 : fetch_section_start(answer, data, size, err);
}

void gitproto_fetch_init(struct gitproto_fetch *answer,
                         int (*on_pack)(void *arg, const void *data, size_t size,
                                        struct error *err),
                         void *arg)
{
    *answer = (struct gitproto_fetch){.on_pack = on_pack, .arg = arg};
    pktline_reader_init(&answer->reader, on_fetch_packet, answer);
}

void gitproto_fetch_release(struct gitproto_fetch *answer)
{
    pktline_reader_release(&answer->reader);
}

int gitproto_fetch_feed(struct gitproto_fetch *answer, const void *data, size_t size,
                        struct error *err)
{
    return pktline_feed(&answer->reader, data, size, err);
}

bool gitproto_fetch_done(const struct gitproto_fetch *answer)
{
    return answer->done && answer->reader.packet.len == 0;
}
