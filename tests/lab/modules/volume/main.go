// volume makes and removes the folder of a local volume. local-path-provisioner runs it in its helper pod, under the
// names /setup and /teardown, with the folder in VOL_DIR; it stands in for the shell image that is used elsewhere.
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

func work(name, folder string) error {
	if !filepath.IsAbs(folder) || filepath.Clean(folder) == "/" {
		return fmt.Errorf("VOL_DIR is %q, not the path of a volume", folder)
	}
	switch name {
	case "setup":
		if err := os.MkdirAll(folder, 0o777); err != nil {
			return err
		}
		return os.Chmod(folder, 0o777) // MkdirAll obeys the umask
	case "teardown":
		return os.RemoveAll(folder)
	}
	return fmt.Errorf("called as %q: setup and teardown are known", name)
}

func main() {
	if err := work(filepath.Base(os.Args[0]), os.Getenv("VOL_DIR")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
