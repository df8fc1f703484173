/* hub_name.h: what people call a model of a hub, and where the hub is. */
#ifndef OSSO_HUB_HUB_NAME_H
#define OSSO_HUB_HUB_NAME_H

#include "hub/net.h"
#include "osso/hub.h"

struct hub_name {
    char repository[256]; /* "user/name"; "": an address */
    char label[512];      /* the file, or a part of its name; "": none is named */
    char revision[200];   /* "": none is named */
    char address[NET_ADDRESS];
    const char *form; /* of the table or the options; NULL: nobody says */
};

/* USAGE and NOTFOUND with the names that there are. */
enum osso_status hub_name_read(const char *given, const char *endpoint, const struct osso_hub_options *options,
                               struct hub_name *name_out, struct osso_error *err);
/* Is it a revision as git and folders take it? */
bool hub_name_is_revision(const char *text);

/* Without a slash at its end. */
enum osso_status hub_name_endpoint(char url[512], struct osso_error *err);
/* "": there is none. */
enum osso_status hub_name_token(char token[512], struct osso_error *err);

#endif
