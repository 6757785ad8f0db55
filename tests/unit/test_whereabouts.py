"""Where processes run: who can be seen, who must have ended, and who cannot be told about."""

from __future__ import annotations

import pytest

from service.streaming.whereabouts import Sight, Whereabouts, container_of, here

POD = "6f1d3f0a-3a0e-4a52-9a77-0c1d2e3f4a5b"
DOCKER, OTHER = "ab" * 32, "cd" * 32
SHOP = Whereabouts("shop", "a1", "b2", "c3")


def test_it_is_read_back_as_it_was_written() -> None:
    assert Whereabouts.read(str(here())) == here()
    assert Whereabouts.read(str(SHOP._replace(container=""))) == SHOP._replace(container="")
    assert Whereabouts.read("shop") is None


@pytest.mark.parametrize(
    ("other", "sight"),
    [
        (SHOP, Sight.SAME),
        (SHOP._replace(namespace="b3"), Sight.GONE),
        (SHOP._replace(namespace="b3", container="c4"), Sight.HIDDEN),
        (SHOP._replace(machine="a2"), Sight.HIDDEN),
        (SHOP._replace(name="till"), Sight.HIDDEN),
    ],
    ids=["the same", "this container before", "another container", "another machine", "another name"],
)
def test_what_is_seen_from_a_container(other: Whereabouts, sight: Sight) -> None:
    assert SHOP.sees(other) is sight


def test_without_a_container_another_namespace_is_hidden() -> None:
    bare = SHOP._replace(container="")

    assert bare.sees(bare._replace(namespace="b3")) is Sight.HIDDEN


def mounts(root: str, point: str) -> str:
    return (
        f"1034 1021 254:1 / /proc rw - proc proc rw\n1052 1021 254:1 {root} {point} rw,relatime - ext4 /dev/vda1 rw\n"
    )


def test_a_container_is_known_by_what_its_runtime_mounts() -> None:
    docker = container_of(mounts(f"/var/lib/docker/containers/{DOCKER}/hostname", "/etc/hostname"))
    podman = container_of(mounts(f"/home/u/storage/overlay-containers/{OTHER}/userdata/hosts", "/etc/hosts"))
    pod = container_of(mounts(f"/var/lib/kubelet/pods/{POD}/containers/deliver/1a2b3c4d", "/dev/termination-log"))
    again = container_of(mounts(f"/var/lib/kubelet/pods/{POD}/containers/deliver/99887766", "/dev/termination-log"))
    beside = container_of(mounts(f"/var/lib/kubelet/pods/{POD}/containers/webhook/1a2b3c4d", "/dev/termination-log"))

    assert pod == again
    assert len({docker, podman, pod, beside, ""}) == 5


def test_a_pods_hosts_file_is_that_of_all_its_containers_and_tells_none() -> None:
    assert container_of(mounts(f"/var/lib/kubelet/pods/{POD}/etc-hosts", "/etc/hosts")) == ""
    assert container_of(mounts("/etc/hostname", "/etc/hostname")) == ""
    assert container_of("") == ""
    assert container_of("a line of another system\n") == ""
