# Becomes a systemd over a copy of this machine's files that nothing done to it outlives: `boot.sh ROOM [FROM TO]…`.
#
# Run it in new pid, mount, cgroup, uts and ipc namespaces, with an empty folder ROOM. Each FROM, wherever it lies out
# here, is to be seen as TO in there.
set -eu
room=$1
shift
mount -t tmpfs -o mode=755 tmpfs "$room"
mkdir "$room/upper" "$room/work" "$room/root"
mount -t overlay -o "lowerdir=/,upperdir=$room/upper,workdir=$room/work" overlay "$room/root"
cd "$room/root"

mount -t proc proc proc
mount --bind proc/sys proc/sys
mount -o remount,bind,ro proc/sys
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs dev
for node in null zero full random urandom tty; do
    touch "dev/$node"
    mount --bind "/dev/$node" "dev/$node"
done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts dev/pts
mount -t tmpfs -o mode=1777 tmpfs dev/shm
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
for folder in run tmp var/tmp; do
    mount -t tmpfs -o mode=1777 tmpfs "$folder"
done
chmod 755 run
while [ $# -gt 1 ]; do
    mkdir -p ".$2"
    mount --bind "$1" ".$2"
    mount -o remount,bind,ro ".$2"
    shift 2
done

# Nothing that this machine has enabled is started, only what the tests ask for.
mkdir -p run/old run/systemd/system
printf '[Unit]\n' > run/systemd/system/tests.target
pivot_root . run/old
export container=tests
exec chroot . /bin/sh -c '
    mount --make-rshared /
    umount -l /run/old
    rmdir /run/old
    exec /lib/systemd/systemd --system --unit=tests.target --show-status=no --log-target=journal' </dev/null
