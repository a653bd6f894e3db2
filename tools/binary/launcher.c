/* The first program in the one-file binary: puts the light half into the cache, once, and becomes it.
 *
 * The file is this program, then the light half as one LZ4 block, its index, the compressed heavy half, and a footer; see
 * docs/binary.md. Every start looks at every file of the light half (kind, owner, size, time) and writes those that
 * are not as the index says, each under another name that is then renamed. So a file is absent or whole, whatever was
 * killed when, and a start mends what was damaged.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>
#if defined(__linux__)
#include <sys/auxv.h>
#elif defined(__APPLE__)
#include <mach-o/dyld.h>
#endif

#define MAGIC "imagine\1"
#define FOOTER 64      /* MAGIC, then seven little-endian 64-bit numbers: struct footer's */
#define STAMP 946684800 /* every file's time of change, 2000-01-01: a file that was written to has another */
#define FOLDER "IMAGINE_RUNTIME"

struct footer {
    uint64_t index, index_size, data, data_size, raw_size, crc, worker;
};

struct whole {
    int fd;
    const uint8_t *bytes;
    uint64_t size;
    struct footer footer;
};

static char root[PATH_MAX];   /* the folder of all versions */
static char folder[PATH_MAX]; /* that of this version */

static void fail(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fputs("Error: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    exit(1);
}

/* `what` couldn't be done to `path`: says why, and how to go on. */
static void fail_there(const char *what, const char *path) {
    int why = errno;
    if (why == ENOSPC || why == EDQUOT)
        fail("%s is full: imagine unpacks itself there once (%s); make room, or set " FOLDER " to another folder", root,
             strerror(why));
    fail("imagine can't %s %s: %s. It unpacks itself there once; set " FOLDER " to a folder of your own that can be "
         "written to", what, path, strerror(why));
}

static void join(char *to, const char *a, const char *b) {
    if (snprintf(to, PATH_MAX, "%s/%s", a, b) >= PATH_MAX) fail("the path %s/%s is too long", a, b);
}

static void *take(size_t size) {
    void *memory = malloc(size ? size : 1);
    if (!memory) fail("not enough memory to unpack (%zu bytes)", size);
    return memory;
}

/* ---- This file ---- */

static const char *own_path(const char *argv0) {
    static char path[PATH_MAX];
    char link[PATH_MAX];
#if defined(__APPLE__)
    uint32_t size = sizeof link;
    if (_NSGetExecutablePath(link, &size) == 0 && realpath(link, path)) return path;
#else
    ssize_t size = readlink("/proc/self/exe", link, sizeof link - 1);
    if (size > 0) {
        link[size] = 0;
        if (realpath(link, path)) return path;
    }
#if defined(__linux__) /* where /proc is not mounted */
    const char *run = (const char *)getauxval(AT_EXECFN);
    if (run && realpath(run, path)) return path;
#endif
#endif
    if (strchr(argv0, '/') && realpath(argv0, path)) return path;
    fail("imagine can't find its own file; run it by its full path");
    return NULL;
}

static uint64_t number(const uint8_t *at) {
    uint64_t value = 0;
    for (int i = 7; i >= 0; i--) value = value << 8 | at[i];
    return value;
}

static struct whole open_whole(const char *path) {
    struct whole file;
    struct stat about;
    file.fd = open(path, O_RDONLY | O_CLOEXEC);
    if (file.fd < 0 || fstat(file.fd, &about)) fail("imagine can't read its own file %s: %s", path, strerror(errno));
    file.size = (uint64_t)about.st_size;
    file.bytes = mmap(NULL, file.size, PROT_READ, MAP_PRIVATE, file.fd, 0);
    if (file.bytes == MAP_FAILED) fail("imagine can't read its own file %s: %s", path, strerror(errno));
    const uint8_t *end = file.bytes + file.size - FOOTER;
    if (file.size < FOOTER || memcmp(end, MAGIC, 8)) fail("%s is not whole: download it again", path);
    uint64_t *numbers[] = {&file.footer.index,    &file.footer.index_size, &file.footer.data,  &file.footer.data_size,
                           &file.footer.raw_size, &file.footer.crc,        &file.footer.worker};
    for (int i = 0; i < 7; i++) *numbers[i] = number(end + 8 + 8 * i);
    if (file.footer.index > file.size || file.footer.index_size > file.size - file.footer.index ||
        file.footer.data > file.size || file.footer.data_size > file.size - file.footer.data)
        fail("%s is not whole: download it again", path);
    return file;
}

/* CRC-32 as zlib's, eight bytes at a time (M. E. Kounavis, F. L. Berry: "A Systematic Approach to Building High
 * Performance, Software-based, CRC Generators", 2005): byte by byte it would be half of the first start. */
static uint32_t crc32(const uint8_t *at, uint64_t size) {
    static uint32_t table[8][256];
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t value = i;
        for (int bit = 0; bit < 8; bit++) value = value & 1 ? 0xEDB88320u ^ value >> 1 : value >> 1;
        table[0][i] = value;
    }
    for (int row = 1; row < 8; row++)
        for (int i = 0; i < 256; i++)
            table[row][i] = table[row - 1][i] >> 8 ^ table[0][table[row - 1][i] & 255];
    uint32_t crc = ~0u;
    for (; size >= 8; size -= 8, at += 8) {
        uint32_t low = crc ^ (at[0] | at[1] << 8 | at[2] << 16 | (uint32_t)at[3] << 24);
        crc = table[7][low & 255] ^ table[6][low >> 8 & 255] ^ table[5][low >> 16 & 255] ^ table[4][low >> 24] ^
              table[3][at[4]] ^ table[2][at[5]] ^ table[1][at[6]] ^ table[0][at[7]];
    }
    while (size--) crc = table[0][(crc ^ *at++) & 255] ^ crc >> 8;
    return ~crc;
}

/* An LZ4 block (https://github.com/lz4/lz4/blob/dev/doc/lz4_Block_format.md), checked at every step; 0 for a bad one. */
static int decompress(const uint8_t *in, uint64_t in_size, uint8_t *out, uint64_t out_size) {
    const uint8_t *in_end = in + in_size;
    uint8_t *start = out, *out_end = out + out_size;
    while (in < in_end) {
        uint8_t token = *in++;
        uint64_t length = token >> 4;
        if (length == 15)
            do {
                if (in == in_end) return 0;
                length += *in;
            } while (*in++ == 255);
        if (length > (uint64_t)(in_end - in) || length > (uint64_t)(out_end - out)) return 0;
        memcpy(out, in, length);
        in += length, out += length;
        if (in == in_end) break;
        if (in_end - in < 2) return 0;
        uint64_t distance = in[0] | in[1] << 8;
        in += 2;
        length = token & 15;
        if (length == 15)
            do {
                if (in == in_end) return 0;
                length += *in;
            } while (*in++ == 255);
        length += 4;
        if (!distance || distance > (uint64_t)(out - start) || length > (uint64_t)(out_end - out)) return 0;
        const uint8_t *from = out - distance;
        if (distance >= length) {
            memcpy(out, from, length);
            out += length;
        } else
            while (length--) *out++ = *from++;
    }
    return out == out_end;
}

/* ---- Where it is unpacked ---- */

/* As platformdirs.user_cache_path("imagine") / "runtime", unless the environment says otherwise. */
static void find_root(void) {
    const char *said = getenv(FOLDER), *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    if (said && *said) {
        if (*said != '/') fail(FOLDER " is '%s'; it must be the full path of a folder", said);
        if (snprintf(root, sizeof root, "%s", said) >= (int)sizeof root) fail(FOLDER " is too long");
        return;
    }
    if (!home || *home != '/') {
        struct passwd *user = getpwuid(getuid());
        home = user ? user->pw_dir : NULL;
    }
#if defined(__APPLE__)
    cache = NULL;
    const char *below = "Library/Caches/imagine/runtime";
#else
    const char *below = ".cache/imagine/runtime";
#endif
    if (cache && *cache == '/')
        join(root, cache, "imagine/runtime");
    else if (home)
        join(root, home, below);
    else
        fail("imagine can't tell where to unpack itself, since you have no home: set " FOLDER " to a folder");
}

/* Nobody but this user and root may own or change what is run. */
static int is_ours(const struct stat *about) {
    return (about->st_uid == geteuid() || about->st_uid == 0) && !(about->st_mode & 022);
}

static void make_folders(const char *path) {
    char part[PATH_MAX];
    snprintf(part, sizeof part, "%s", path);
    for (char *at = part + 1;; at++) {
        if (*at != '/' && *at) continue;
        char kept = *at;
        *at = 0;
        if (mkdir(part, 0700) && errno != EEXIST) {
            int why = errno; /* some file systems refuse before they look whether it is there */
            struct stat about;
            if (stat(part, &about)) {
                errno = why;
                fail_there("make the folder", part);
            }
        }
        *at = kept;
        if (!kept) return;
    }
}

static void check_folder(const char *path, int follow) {
    struct stat about;
    if (follow ? stat(path, &about) : lstat(path, &about)) fail_there("use the folder", path);
    if (!S_ISDIR(about.st_mode)) fail("%s is no folder: imagine unpacks itself there; remove it", path);
    if (!is_ours(&about))
        fail("%s belongs to another user, or others can write to it: imagine runs nothing from there. Remove it, or "
             "set " FOLDER " to a folder of your own", path);
}

static void check_can_run(void) {
#ifdef ST_NOEXEC
    struct statvfs about;
    if (statvfs(root, &about) == 0 && about.f_flag & ST_NOEXEC)
        fail("%s lies on a file system mounted noexec: nothing can be run from there. Set " FOLDER " to a folder "
             "elsewhere", root);
#endif
}

/* ---- Locks ---- */

static int lock(const char *name, int how, int kept) {
    char path[PATH_MAX];
    join(path, folder, name);
    for (;;) {
        int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | (kept ? 0 : O_CLOEXEC), 0600);
        if (fd < 0 && (errno == EROFS || errno == EACCES)) /* prepared by root, for all */
            fd = open(path, O_RDONLY | O_NOFOLLOW | (kept ? 0 : O_CLOEXEC));
        if (fd < 0 && errno == ENOENT) { /* a cleaner took the folder meanwhile */
            make_folders(folder);
            continue;
        }
        if (fd < 0) fail_there("make the file", path);
        while (flock(fd, how))
            if (errno != EINTR) fail_there("lock", path);
        struct stat held, there;
        if (fstat(fd, &held) == 0 && stat(path, &there) == 0 && held.st_ino == there.st_ino) return fd;
        close(fd); /* a cleaner took it meanwhile */
    }
}

/* ---- The light half's files ---- */

struct entry {
    char kind; /* d, f, x (a file that can be run), l (a link) */
    char *path, *rest;
    uint64_t size;
};

/* The next line of the index, cut up in place: kind TAB path [TAB size or target]. NULL at its end. */
static char *next_entry(char *line, struct entry *entry) {
    if (!*line) return NULL;
    char *end = strchr(line, '\n');
    if (!end || line[1] != '\t') fail("imagine's own file is damaged: download it again");
    *end = 0;
    entry->kind = *line;
    entry->path = line + 2;
    char *rest = strchr(entry->path, '\t');
    if (rest) *rest++ = 0;
    entry->rest = rest ? rest : end;
    entry->size = entry->kind == 'f' || entry->kind == 'x' ? strtoull(entry->rest, NULL, 10) : 0;
    return end + 1;
}

static int is_right(const char *path, const struct entry *entry) {
    struct stat about;
    if (lstat(path, &about)) return 0;
    switch (entry->kind) {
    case 'd':
        return S_ISDIR(about.st_mode) && is_ours(&about);
    case 'l': {
        char target[PATH_MAX];
        ssize_t size = S_ISLNK(about.st_mode) ? readlink(path, target, sizeof target) : -1;
        return size == (ssize_t)strlen(entry->rest) && !memcmp(target, entry->rest, (size_t)size);
    }
    default:
        return S_ISREG(about.st_mode) && is_ours(&about) && (uint64_t)about.st_size == entry->size &&
               about.st_mtime == STAMP && (entry->kind == 'f' || about.st_mode & 0100);
    }
}

static void write_entry(const char *path, const struct entry *entry, const uint8_t *content) {
    char part[PATH_MAX];
    if (entry->kind == 'd') {
        struct stat about;
        if (lstat(path, &about) == 0 && !S_ISDIR(about.st_mode)) unlink(path);
        if (mkdir(path, 0700) && errno != EEXIST) fail_there("make the folder", path);
        check_folder(path, 0);
        return;
    }
    if (snprintf(part, sizeof part, "%s.part", path) >= (int)sizeof part) fail("the path %s is too long", path);
    if (unlink(part) && errno != ENOENT) fail_there("replace", part);
    if (entry->kind == 'l') {
        if (symlink(entry->rest, part)) fail_there("write", path);
    } else {
        int fd = open(part, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, entry->kind == 'x' ? 0755 : 0644);
        if (fd < 0) fail_there("write", path);
        for (uint64_t done = 0; done < entry->size;) {
            ssize_t wrote = write(fd, content + done, entry->size - done);
            if (wrote < 0 && errno == EINTR) continue;
            if (wrote < 0) {
                int why = errno;
                unlink(part);
                errno = why;
                fail_there("write", path);
            }
            done += (uint64_t)wrote;
        }
        struct timespec times[2] = {{.tv_sec = STAMP}, {.tv_sec = STAMP}};
        if (futimens(fd, times) || close(fd)) {
            int why = errno;
            unlink(part);
            errno = why;
            fail_there("write", path);
        }
    }
    if (rename(part, path)) fail_there("write", path);
}

/* Goes over the light half; writes what is not right where `content` is given. Returns whether all was right. */
static int go_over(const struct whole *file, const uint8_t *content) {
    char *lines = take(file->footer.index_size + 1), *line = lines, path[PATH_MAX];
    memcpy(lines, file->bytes + file->footer.index, file->footer.index_size);
    lines[file->footer.index_size] = 0;
    line = strchr(lines, '\n') + 1; /* the version's name */
    struct entry entry;
    uint64_t at = 0;
    int right = 1;
    while ((line = next_entry(line, &entry))) {
        join(path, folder, entry.path);
        if (!is_right(path, &entry)) {
            right = 0;
            if (!content) break;
            if (entry.size > file->footer.raw_size - at) fail("imagine's own file is damaged: download it again");
            write_entry(path, &entry, content + at);
        }
        at += entry.size;
    }
    free(lines);
    return right;
}

static void unpack(const struct whole *file, const char *own) {
    check_can_run();
    int held = lock("light.lock", LOCK_EX, 0);
    if (!go_over(file, NULL)) {
        const uint8_t *stored = file->bytes + file->footer.data;
        uint8_t *raw = take(file->footer.raw_size);
        if (crc32(stored, file->footer.data_size) != file->footer.crc ||
            !decompress(stored, file->footer.data_size, raw, file->footer.raw_size))
            fail("%s is damaged: download it again", own);
        go_over(file, raw);
        free(raw);
    }
    close(held);
}

/* PyInstaller's loader needs zlib before it can say where its libraries lie. What the user had said is kept for the
 * programs that we start (imagine.processes.runtime.forget_own_libraries). */
static void show_libraries(void) {
#if defined(__linux__)
    const char *kept = "_IMAGINE_LIBRARIES", *before = getenv(kept);
    if (!before) before = getenv("LD_LIBRARY_PATH");
    if (!before) before = "";
    size_t size = strlen(folder) + strlen(before) + sizeof "/light/_internal:";
    char *path = take(size);
    snprintf(path, size, "%s/light/_internal%s%s", folder, *before ? ":" : "", before);
    if (setenv(kept, before, 1) || setenv("LD_LIBRARY_PATH", path, 1)) fail("not enough memory to start");
    free(path);
#endif
}

int main(int argc, char **argv) {
    const char *own = own_path(argc ? argv[0] : "");
    struct whole file = open_whole(own);
    const char *name = (const char *)file.bytes + file.footer.index;
    const char *end = memchr(name, '\n', file.footer.index_size);
    char version[256], program[PATH_MAX];
    if (!end || end - name >= (long)sizeof version) fail("%s is damaged: download it again", own);
    snprintf(version, sizeof version, "%.*s", (int)(end - name), name);

    find_root();
    make_folders(root);
    check_folder(root, 1);
    join(folder, root, version);
    make_folders(folder);
    check_folder(folder, 0);
    lock("in-use", LOCK_SH, 1); /* held by what this process becomes: a cleaner leaves the folder alone */
    if (!go_over(&file, NULL)) unpack(&file, own);

    join(program, folder, "light/imagine");
    if (setenv("_IMAGINE_FILE", own, 1)) fail("not enough memory to start");
    show_libraries();
    munmap((void *)file.bytes, file.size);
    execv(program, argv);
    if (errno == EACCES || errno == EPERM)
        fail("%s may not be run: nothing can be run from there. Set " FOLDER " to a folder elsewhere", program);
    fail("%s can't be run: %s", program, strerror(errno));
    return 1;
}
