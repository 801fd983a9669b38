// An API server for tests that keeps objects: create, get, list, watch, replace, merge patch, apply
// (as a merge), delete, with resourceVersions, uids, generations, finalizers and the subresource
// status. It checks nothing else. Plain HTTP, on fake_http.
#ifndef TESTS_UNIT_FAKE_CLUSTER_H
#define TESTS_UNIT_FAKE_CLUSTER_H

#include "fake_kube.h"

struct fake_cluster;

struct fake_cluster *fake_cluster_start(void);
void fake_cluster_stop(struct fake_cluster *cluster);
// Owned.
char *fake_cluster_url(const struct fake_cluster *cluster);
// Requests so far whose line starts with `method`, whose path holds `part`.
unsigned fake_cluster_count(struct fake_cluster *cluster, const char *method, const char *part);
// The next `times` such requests are refused so. Borrowed strings.
void fake_cluster_refuse(struct fake_cluster *cluster, unsigned times, const char *method,
                         const char *part, int code, const char *reason, const char *message);
// Ends all watches and forgets history: who was watching gets 410. Until fake_cluster_mend no new
// watch or list is let in.
void fake_cluster_cut(struct fake_cluster *cluster);
void fake_cluster_mend(struct fake_cluster *cluster);

#endif
