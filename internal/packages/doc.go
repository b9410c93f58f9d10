// Package packages tries the Debian package and the rpm as machines do: built, checked by lintian and
// rpmlint, installed, updated, removed and purged in a Debian root, under a real systemd.
//
// The root is made by debootstrap and kept in the user's cache; each test gets a copy. systemd-nspawn boots
// it as a container, with a network of its own, so rules, addresses and sysctls of this machine stay as they
// are. The kernel is this machine's. `make test-packages` runs the tests; elsewhere they skip, since they
// take minutes and need root.
package packages
