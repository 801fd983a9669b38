// What registries want their users to know: "Warning: 299" headers (distribution-spec 1.1,
// "Warnings"; the syntax is RFC 7234's, section 5.5). Each text is told once for each registry, for
// as long as this lives; whatever a registry sends, it is heard a few times at most. Any thread.
#ifndef OCI_WARNINGS_H
#define OCI_WARNINGS_H

#include "base/vec.h"

enum {
    OCI_WARNINGS_OF_HOST = 4, // texts that one registry may tell
    OCI_WARNINGS_HOSTS = 256,
    OCI_WARNING_MAX = 300, // bytes of a text; more is cut
};

struct oci_warnings;
// host is "registry.example.com:5000"; text is one line of printable ASCII. Called under a lock, so
// that lines do not mix: no registry may be asked from there.
struct oci_warnings *oci_warnings_new(void (*tell)(void *arg, const char *host, const char *text),
                                      void *arg);
void oci_warnings_free(struct oci_warnings *warnings); // NULL is fine
// One header's value. What is not "299 agent "text"" is left out, silently: it is advice, no more.
void oci_warnings_take(struct oci_warnings *warnings, const char *host, const char *value);

// Appends char *: the texts of one value, cleaned and cut. For oci_warnings_take.
void oci_warning_texts(const char *value, struct vec *texts);

#endif
