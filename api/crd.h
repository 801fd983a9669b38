// CustomResourceDefinitions made from the tables of fields: structural OpenAPI v3 schemas whose
// x-kubernetes-validations (CEL) refuse what api_validate refuses, in the same words. What an API
// server says in words of its own, or cannot say, stands in docs/api.md ("In a cluster").
// Format: apiextensions.k8s.io/v1, https://kubernetes.io/docs/reference/using-api/cel/. Any thread.
#ifndef API_CRD_H
#define API_CRD_H

#include <jansson.h>

#include "base/error.h"
#include "base/strbuf.h"

// The definition of one of our kinds ("Bundle"); owned. NULL for kinds that are Kubernetes' own.
json_t *api_crd(const char *kind);
// As YAML, ended by a newline. ERROR_INVALID for a kind without a definition.
int api_crd_yaml(const char *kind, struct strbuf *out, struct error *err)
    __attribute__((warn_unused_result));
// The name of the file in deploy/crds: "sealift.dev_bundles.yaml"; owned.
char *api_crd_file(const char *kind);

#endif
