#include "oci/tag_words.h"

#include "base/memory.h"
#include "base/nearest.h"
#include "base/strbuf.h"

#include <string.h>

enum { NAMED_TAGS = 5, MAX_TAGS_BYTES = 1024 };

char *oci_tag_words(const struct vec *tags, const char *wanted)
{
    struct nearest nearest = {.wanted = wanted};
    cleanup_strbuf struct strbuf there;
    size_t n = 0;
    strbuf_init(&there, MAX_TAGS_BYTES);
    vec_foreach (char *, tag, tags) {
        if (n < NAMED_TAGS)
            strbuf_addf(&there, "%s%s", n > 0 ? ", " : "; there are the tags ", *tag);
        n++;
        if (wanted != NULL)
            nearest_offer(&nearest, *tag);
    }
    if (nearest.best != NULL)
        return xasprintf("; did you mean %s?", nearest.best);
    if (n > NAMED_TAGS)
        strbuf_addf(&there, " and %zu more", n - NAMED_TAGS);
    return n > 0 ? strbuf_steal(&there) : xstrdup("; nothing is tagged there");
}

int oci_resolve_named(struct oci_repository *repository, const char *tag_or_digest,
                      struct oci_descriptor *ret_descriptor, struct error *err)
{
    cleanup_vec struct vec tags = VEC_OF(char *, vec_release_string);
    cleanup_error struct error cause = {0};
    if (oci_resolve(repository, tag_or_digest, ret_descriptor, &cause) == 0)
        return 0;
    bool is_digest = strchr(tag_or_digest, ':') != NULL;
    // Of a repository that is not there either there is no list.
    if (cause.code != ERROR_NOT_FOUND || is_digest || oci_list_tags(repository, &tags, NULL) < 0)
        return error_move(err, &cause);
    cleanup_free char *words = oci_tag_words(&tags, tag_or_digest);
    return error_set(err, ERROR_NOT_FOUND, "%s%s", error_message(&cause), words);
}
