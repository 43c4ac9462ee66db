//! The Python package against a running `up`, with nothing but Python itself and with frames.

use std::process::Command;

use gauntlet_tests::{Dir, Up, mini, repository};

#[test]
fn the_python_client_does_what_its_readme_says() {
    let dir = Dir::copy_of(mini());
    let up = Up::on(&dir);
    let package = repository().join("clients/python");
    let run = Command::new("python3")
        .args(["-W", "error::ResourceWarning", "-m", "unittest", "-v", "tests.test_client"])
        .current_dir(&package)
        .env("PYTHONPATH", package.join("src"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("GAUNTLET_DIR", dir.node())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success() && said.contains("Ran 6 tests"), "{said}");
    // Once more, with pyarrow, pandas and polars.
    let run = Command::new(repository().join("tests/readers/check"))
        .arg("frames")
        .env("GAUNTLET_DIR", dir.node())
        .output()
        .unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    assert!(run.status.success() && said.contains("Ran 6 tests") && !said.contains("skipped"), "{said}");
    up.stop();
}
