package kernels

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"
)

// answerFollows opens the line that holds an answer.
const answerFollows = "guest-answers: "

// Tell prints a value for the program that asked this one, in a guest, by Ask.
func Tell(value any) error {
	text, err := json.Marshal(value)
	if err == nil {
		_, err = fmt.Printf("\n%s%s\n", answerFollows, text)
	}
	return err
}

// Ask runs a job on a kernel of Debian, such as "6.1", with its own userland, and puts what the last
// command tells by Tell into a value. What the commands print goes to out. The guest is given up after a
// limit. Without guests on this machine the error is ErrMissing.
func Ask(ctx context.Context, kernel string, limit time.Duration, job Job, out io.Writer, into any) error {
	g, err := Find(kernel, "")
	if err != nil {
		return err
	}
	ctx, stop := context.WithTimeout(ctx, limit)
	defer stop()
	var said bytes.Buffer
	statuses, err := g.Run(ctx, job, io.MultiWriter(&said, out))
	if err != nil {
		return err
	}
	_, text, ok := bytes.Cut(said.Bytes(), []byte(answerFollows))
	if !ok || statuses[len(statuses)-1] != 0 {
		return fmt.Errorf("the guest says:\n%s", said.Bytes())
	}
	return json.NewDecoder(bytes.NewReader(text)).Decode(into)
}
