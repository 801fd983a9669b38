#include "oci/sign/evidence.h"

#include "base/memory.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

const char *evidence_form_name(enum evidence_form form)
{
    static const char *const names[] = {
        [EVIDENCE_SIMPLE] = ".sig", [EVIDENCE_BUNDLE] = "bundle", [EVIDENCE_NOTATION] = "Notation"};
    return names[form];
}

void evidence_release(void *evidence)
{
    struct evidence *item = evidence;
    free(item->subject);
    free(item->issuer);
    free(item->source_repository);
    free(item->source_ref);
    free(item->certificate_issuer);
    free(item->certificate_serial);
    free(item->repository);
    free(item->envelope);
    statement_release(&item->statement);
}

void evidence_set_init(struct evidence_set *set)
{
    *set = (struct evidence_set){
        .items = VEC_OF(struct evidence, evidence_release),
        .notes = VEC_OF(char *, vec_release_string),
        .strangers = VEC_OF(char *, vec_release_string),
    };
}

void evidence_set_release(struct evidence_set *set)
{
    vec_free(&set->items);
    vec_free(&set->notes);
    vec_free(&set->strangers);
}

void evidence_stranger(struct evidence_set *set, const char *fingerprint)
{
    if (set->strangers.len >= EVIDENCE_MAX_STRANGERS)
        return;
    vec_foreach (char *, known, &set->strangers)
        if (strcmp(*known, fingerprint) == 0)
            return;
    vec_push_string(&set->strangers, fingerprint);
}

void evidence_note(struct evidence_set *set, const char *format, ...)
{
    if (set->notes.len >= EVIDENCE_MAX_NOTES)
        return;
    va_list args;
    va_start(args, format);
    *(char **)vec_push(&set->notes) = xvasprintf(format, args);
    va_end(args);
}
