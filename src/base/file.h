/* file.h: reading files by mapping them, and writing files so that they are either whole or absent. */
#ifndef OSSO_BASE_FILE_H
#define OSSO_BASE_FILE_H

#include "osso/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A regular file mapped read-only. Never copied: pages arrive when they are touched. */
struct file_map {
    char *path;
    const uint8_t *data; /* NULL for an empty file */
    uint64_t size;
    int fd;
    bool copied; /* in memory of its own: what lies there cannot be had again from the file system */
};

/* Maps a regular file. A directory, FIFO, socket or device is refused without being opened for reading (no hang). */
enum osso_status file_map_open(const char *path, struct file_map *map_out, struct osso_error *err);
void file_map_close(struct file_map *map);
/* Has the file kept its size since it was mapped? A shorter one would end the process with SIGBUS when a lost
 * page is touched, so every step of the engine asks this first (one fstat). */
enum osso_status file_map_check(const struct file_map *map, struct osso_error *err);

/* Takes the pages that were touched out of the process again; they come back when they are touched. */
void file_map_forget(const struct file_map *map);

/* Reads a whole regular file of at most `limit` bytes; *data_out is NUL-terminated (mem_free it). */
enum osso_status file_read(const char *path, uint64_t limit, char **data_out, size_t *len_out, struct osso_error *err);

/* The same of a text without its byte order mark; UTF-16, an empty file, and what file_instead knows are refused. */
enum osso_status file_read_text(const char *path, uint64_t limit, char **text_out, size_t *len_out,
                                struct osso_error *err);

bool file_exists(const char *path);
bool file_is_dir(const char *path);
/* What a file that should hold something else is instead: a Git LFS pointer, a web page, an image, an archive, nothing
 * at all: the end of a sentence that begins with its name; NULL: none of these. */
const char *file_instead(const void *data, uint64_t size);
/* "dir/name"; NULL when memory runs out (mem_free it). */
char *file_join(const char *dir, const char *name);
/* A copy of a path with a leading ~ replaced by the home folder; NULL when memory runs out. */
char *file_of_home(const char *path);
/* A person's folder by the XDG rules: what the variable names, if that is absolute, else `below` in HOME; NULL: there
 * is none, or no memory. */
char *file_of_person(const char *variable, const char *below);
/* Makes a folder (its parent must exist). *made_out: it was not there before. */
enum osso_status file_make_dir(const char *path, bool *made_out, struct osso_error *err);
/* And those above it. */
enum osso_status file_make_dirs(const char *path, struct osso_error *err);
/* Bytes that can still be written where `path` is or will be, UINT64_MAX if unknown. */
uint64_t file_space_left(const char *path);
/* Is `name` a plain file name: not empty, no '/', '\\', NUL, not "." or ".."? Names that come out of a file must be. */
bool file_name_is_plain(const char *name, size_t len);

/* The folder beside it that a small text file names and nothing else, as a training run's `latest` and `best` do
 * (mem_free it); NULL: it is no such file. */
char *file_follow(const char *path);

/* An atomic write: a temporary file beside `path`, then fsync, rename and fsync of the folder at commit.
 * Until the commit nothing at `path` changes; after an abort or a crash only the old file exists. */
struct save;
enum osso_status save_open(const char *path, struct save **save_out, struct osso_error *err);
enum osso_status save_write(struct save *s, const void *data, size_t len, struct osso_error *err);
uint64_t save_offset(const struct save *s); /* bytes written so far */
/* A file that is not written from its beginning to its end: anywhere in it, instead of save_write. */
enum osso_status save_write_at(struct save *s, uint64_t offset, const void *data, size_t len, struct osso_error *err);
enum osso_status save_read_at(struct save *s, uint64_t offset, void *data, size_t len, struct osso_error *err);
enum osso_status save_set_size(struct save *s, uint64_t size, struct osso_error *err);
enum osso_status save_commit(struct save *s, struct osso_error *err); /* frees s in every case */
void save_abort(struct save *s);                                      /* NULL is fine */
/* Everything is on the disk, under the temporary name: of several files that only count together, each is flushed
 * before the first is committed. */
enum osso_status save_flush(struct save *s, struct osso_error *err);
/* A folder whose files are all there gets its name, at which nothing stands yet: whole or absent, too. */
enum osso_status save_folder(const char *temp, const char *path, struct osso_error *err);
/* The same where a folder stands: what was there has the temporary name afterwards. */
enum osso_status save_folder_over(const char *temp, const char *path, struct osso_error *err);
/* All at once. */
enum osso_status save_atomic(const char *path, const void *data, size_t len, struct osso_error *err);
/* The same of a file of a folder. NOMEM where the text has failed. */
struct buf;
enum osso_status save_text(const char *folder, const char *name, const struct buf *text, struct osso_error *err);
/* A file that was given this name by rename is on the disk under it once its folder is, too. */
void save_sync_folder(const char *path);
/* These bytes are on their way to the disk from now on, and a later fsync has less to wait for. Only Linux knows how.
 */
void save_begin_sync(int fd, uint64_t at, uint64_t bytes);
/* For tests: the disk is full after so many bytes more (UINT64_MAX: it never is). */
void save_fill_disk(uint64_t bytes);

#endif
