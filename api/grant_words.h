// Commands of kubectl by which an administrator hands on a right, as statuses and commands say
// them. What they write is labelled as ours, so that it goes with its object and with an uninstall.
#ifndef API_GRANT_WORDS_H
#define API_GRANT_WORDS_H

#define GRANT_LABEL "app.kubernetes.io/managed-by"
#define GRANT_MANAGER "sealift"

// All return owned text.

// "sealift-hook-<hook>": the Role and the RoleBinding by which the receiver reads a Hook's Secret.
char *grant_hook_name(const char *hook);

// Labels what was just created: kind as kubectl calls it.
char *grant_label_command(const char *kind, const char *namespace, const char *name);
// A Role that may get one Secret.
char *grant_role_command(const char *namespace, const char *name, const char *secret);
// role_flag is "role" or "clusterrole"; subject_flag "--serviceaccount=namespace:name".
char *grant_binding_command(const char *namespace, const char *name, const char *role_flag,
                            const char *role, const char *subject_flag);
// Role and RoleBinding `name` for one Secret.
char *grant_secret_commands(const char *namespace, const char *name, const char *secret,
                            const char *subject_flag);

// Who was refused, as an API server's sentence says it: 'User "system:serviceaccount:ns:name"
// cannot …' becomes a subject_flag. NULL when it names nobody.
char *grant_refused_subject(const char *sentence);

#endif
