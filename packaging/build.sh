#!/usr/bin/env bash
# Builds dist/snatctl_VERSION_ARCH.deb and dist/snatctl-VERSION-1.ARCH.rpm from this tree. Equal sources make
# equal bytes: nothing in a package has another time than $SOURCE_DATE_EPOCH, which is that of the last commit
# unless it is given. See docs/packages.md.
#
#   VERSION  as `git describe` says it (v1.4.0); what is no version becomes 0~DATE.WORD, which is older than any
#   ARCH     amd64, arm64 …: as Go names it; this machine's
#   DIST     where packages go; dist
set -euo pipefail
cd "$(dirname "$0")/.."
export VERSION=${VERSION:-$(git describe --tags --always --dirty 2>/dev/null || echo dev)}
export ARCH=${ARCH:-$(go env GOARCH)}
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
export TZ=UTC LC_ALL=C
DIST=${DIST:-dist}
day=$(date -d "@$SOURCE_DATE_EPOCH" +%Y%m%d)
plain=${VERSION#v}
case $plain in
[0-9]*.[0-9]*) PACKAGE_VERSION=${plain//-/+} ;; # 1.4.0-3-gabcdef0 is after 1.4.0
*) PACKAGE_VERSION=0~$day.${plain//-/.} ;;
esac
export PACKAGE_VERSION

root=$DIST/root-$ARCH
rm -rf "$root"
mkdir -p "$root/all" "$root/docs"
put() { install -D -m "$1" "$2" "$root/all/$3"; }
doc() { install -D -m 644 "$1" "$root/docs/$2"; } # apart, since an rpm marks them

GOARCH=$ARCH GOOS=linux CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=$VERSION" -o "$DIST/snatctl-$ARCH" ./cmd/snatctl
put 755 "$DIST/snatctl-$ARCH" usr/sbin/snatctl

# Units of the repository name /usr/local/sbin, where people install by hand.
for unit in packaging/systemd/*.service; do
  sed 's|=/usr/local/sbin/|=/usr/sbin/|' "$unit" >"$DIST/unit"
  put 644 "$DIST/unit" "usr/lib/systemd/system/$(basename "$unit")"
done

mkdir -p "$DIST/man" "$DIST/shells"
rm -f "$DIST"/man/*
SNATCTL_MAN=$(realpath "$DIST/man") go test -count=1 -vet=off ./cmd/snatctl -run '^TestManPages$' >/dev/null
for page in "$DIST"/man/*; do
  gzip -9n "$page"
  doc "$page.gz" "usr/share/man/man${page##*.}/$(basename "$page").gz"
done

runs=$DIST/snatctl-$ARCH
if [ "$ARCH" != "$(go env GOHOSTARCH)" ]; then
  runs=$DIST/snatctl-here
  CGO_ENABLED=0 GOARCH=$(go env GOHOSTARCH) go build -trimpath -o "$runs" ./cmd/snatctl
fi
for shell in bash zsh fish; do
  "$runs" completion $shell >"$DIST/shells/$shell"
done
put 644 "$DIST/shells/bash" usr/share/bash-completion/completions/snatctl
put 644 "$DIST/shells/fish" usr/share/fish/vendor_completions.d/snatctl.fish

for file in docs/*.md README.md; do
  doc "$file" "usr/share/doc/snatctl/$file"
done
for file in examples/*.yaml; do
  doc "$file" "usr/share/doc/snatctl/$file"
done
put 644 docs/policy.schema.json usr/share/snatctl/policy.schema.json
if [ -d packaging/monitoring ]; then
  (cd packaging/monitoring && find . -type f ! -name '*_test*' | sort) | while read -r file; do
    put 644 "packaging/monitoring/$file" "usr/share/snatctl/monitoring/$file"
  done
fi
packaging/licenses.sh >"$DIST/licenses"
gzip -9nf "$DIST/licenses"
doc "$DIST/licenses.gz" usr/share/doc/snatctl/licenses.gz
doc packaging/copyright usr/share/doc/snatctl/copyright

cat >"$DIST/changelog.yaml" <<EOF
- semver: $PACKAGE_VERSION
  date: $(date -d "@$SOURCE_DATE_EPOCH" +%Y-%m-%dT%H:%M:%SZ)
  packager: snatctl maintainers <snatctl@users.noreply.github.com>
  deb: {urgency: medium, distributions: [stable]}
  changes:
    - note: "Version $VERSION. Changes are in the history of the repository."
EOF
find "$root" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
# nfpm expands variables in some of its fields only.
sed -e "s|@ROOT@|$root|g; s|@DIST@|$DIST|g" packaging/nfpm.yaml >"$DIST/nfpm.yaml"
(cd "$root/docs" && find . -type f | sort) | while read -r file; do
  echo "  - {src: \"$root/docs/${file#./}\", dst: \"/${file#./}\", type: doc, packager: rpm}"
done >>"$DIST/nfpm.yaml"
for packager in deb rpm; do
  go tool -modfile=packaging/tools/go.mod nfpm package --config "$DIST/nfpm.yaml" --packager $packager --target "$DIST/"
done
