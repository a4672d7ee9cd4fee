package kinesisexporter

import "os"

// The chain of credentials ends here, before it asks the machine's metadata service,
// whose connection would stay open.
func init() {
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_EC2_METADATA_DISABLED": "true",
	} {
		if err := os.Setenv(name, value); err != nil {
			panic(err)
		}
	}
}
