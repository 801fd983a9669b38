// The text of a file of objects before YAML reads it: kustomize cuts it at lines that begin with
// "---" first, and reads each part by itself (splitDocuments of kyaml/kio/byteio_reader.go).
#ifndef RENDER_KUSTOMIZE_RESOURCE_TEXT_H
#define RENDER_KUSTOMIZE_RESOURCE_TEXT_H

#include <stddef.h>

#include "base/error.h"

// *ret_clean is owned: the text without the byte order marks that begin its documents, *ret_size
// bytes; NULL where the text may be read as it is. Lines are those of the text. ERROR_INVALID for a
// directive
// (%YAML), which a line "---" cuts off from its document, and for a line "---" with more on it.
int resource_text_clean(const char *text, size_t size, const char *file, char **ret_clean,
                        size_t *ret_size, struct error *err) __attribute__((warn_unused_result));

#endif
