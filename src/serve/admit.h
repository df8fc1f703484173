/* admit.h: what the HTTP library calls: a connection, a request's target, its head, its body, its end. */
#ifndef OSSO_SERVE_ADMIT_H
#define OSSO_SERVE_ADMIT_H

#include <microhttpd.h>

/* cls is the struct server everywhere. */
void admit_connection(void *cls, struct MHD_Connection *mhd, void **context, enum MHD_ConnectionNotificationCode what);
void *admit_target(void *cls, const char *target, struct MHD_Connection *mhd);
enum MHD_Result admit_request(void *cls, struct MHD_Connection *mhd, const char *url, const char *method,
                              const char *version, const char *data, size_t *n, void **context);
void admit_completed(void *cls, struct MHD_Connection *mhd, void **context, enum MHD_RequestTerminationCode how);

#endif
