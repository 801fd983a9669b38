#include "api/grant_words.h"

#include "base/memory.h"

#include <string.h>

char *grant_hook_name(const char *hook)
{
    return xasprintf("sealift-hook-%s", hook);
}

char *grant_label_command(const char *kind, const char *namespace, const char *name)
{
    return xasprintf("kubectl label %s %s -n %s " GRANT_LABEL "=" GRANT_MANAGER, kind, name,
                     namespace);
}

char *grant_role_command(const char *namespace, const char *name, const char *secret)
{
    cleanup_free char *label = grant_label_command("role", namespace, name);
    return xasprintf("kubectl create role %s -n %s --verb=get --resource=secrets "
                     "--resource-name=%s && %s",
                     name, namespace, secret, label);
}

char *grant_binding_command(const char *namespace, const char *name, const char *role_flag,
                            const char *role, const char *subject_flag)
{
    cleanup_free char *label = grant_label_command("rolebinding", namespace, name);
    return xasprintf("kubectl create rolebinding %s -n %s --%s=%s %s && %s", name, namespace,
                     role_flag, role, subject_flag, label);
}

char *grant_secret_commands(const char *namespace, const char *name, const char *secret,
                            const char *subject_flag)
{
    cleanup_free char *role = grant_role_command(namespace, name, secret);
    cleanup_free char *binding = grant_binding_command(namespace, name, "role", name, subject_flag);
    return xasprintf("%s && %s", role, binding);
}

char *grant_refused_subject(const char *sentence)
{
    static const char account[] = "system:serviceaccount:";
    const char *user = strstr(sentence, "User \"");
    if (user == NULL)
        return NULL;
    user += strlen("User \"");
    int size = (int)strcspn(user, "\"");
    if (strncmp(user, account, sizeof account - 1) != 0)
        return xasprintf("--user=%.*s", size, user);
    return xasprintf("--serviceaccount=%.*s", size - (int)sizeof account + 1,
                     user + sizeof account - 1);
}
